# SPDX-License-Identifier: GPL-3.0-or-later
"""Which codecs an SDP offer names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.offer import Terms, _streams, fault_of, preferred_codec
from agent.core.reasons import Reason

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
ALL = ("PCMU", "PCMA", "G722", "opus")
KEY = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"  # RFC 4568 section 4, 30 bytes


def has_common_codec(sdp: str, codecs: list[str]) -> bool:
    """Whether none of an offer's faults is that of its codecs."""
    fault = fault_of(sdp, Terms(tuple(codecs)))
    return fault is None or fault.reason is not Reason.NO_CODEC


def media(
    line: str = "m=audio 4000 RTP/AVP 0", *attributes: str, connection: str = "c=IN IP4 192.0.2.1"
) -> str:
    """An offer with one audio stream."""
    return "\r\n".join(("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", connection, "t=0 0", line, *attributes, ""))


OPUS = "a=rtpmap:111 opus/48000/2\r\n"


@pytest.mark.parametrize(
    ("media", "codecs"),
    [
        ("m=audio 4000 RTP/AVP 0 8 9\r\n", {"PCMU", "PCMA", "G722"}),
        ("m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n", {"PCMU", "TELEPHONE-EVENT"}),
        (f"m=audio 4000 RTP/SAVP 111\r\n{OPUS}", {"OPUS"}),
        ("m=audio 4000/2 RTP/AVP 0\r\n", {"PCMU"}),
        ("m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 pcma/8000\r\n", {"PCMA"}),
        ("m=audio 4000 RTP/AVP 96\r\n", set()),
        ("m=audio 0 RTP/AVP 0\r\n", set()),
        ("m=audio 0 RTP/AVP 0\r\nm=audio 4000 RTP/AVP 8\r\n", {"PCMA"}),
        ("m=audio 4000 RTP/AVP 0\r\nm=audio 4002 RTP/AVP 8\r\n", {"PCMU"}),
        (f"m=video 4000 RTP/AVP 111\r\n{OPUS}m=audio 4002 RTP/AVP 8\r\n", {"PCMA"}),
        (f"m=audio 4000 RTP/AVP 111\r\nm=video 4002 RTP/AVP 111\r\n{OPUS}", set()),
        (f"{OPUS}m=audio 4000 RTP/AVP 111\r\n", set()),
        ("m=image 4000 udptl t38\r\n", set()),
        ("m=audio\r\nm=audio 1\r\n", set()),
    ],
)
def test_the_codecs_are_those_of_the_first_active_audio_stream(media: str, codecs: set[str]) -> None:
    for offer in (HEAD + media, (HEAD + media).replace("\r\n", "\n")):
        assert set().union(*(stream.codecs for stream in _streams(offer)[:1])) == codecs


def test_a_dynamic_number_means_what_the_offer_says() -> None:
    offer = f"{HEAD}m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 iLBC/8000\r\n"
    assert not has_common_codec(offer, ["PCMU"])


@pytest.mark.parametrize("ours", [["PCMU"], ["opus", "pcmu"]])
def test_names_of_codecs_are_alike_in_upper_and_lower_case(ours: list[str]) -> None:
    assert has_common_codec(f"{HEAD}m=audio 4000 RTP/AVP 0\r\n", ours)


@pytest.mark.parametrize(
    ("line", "codec"),
    [
        ("m=audio 4000 RTP/AVP 8 0 9", "PCMA"),
        ("m=audio 4000 RTP/AVP 18 9 0", "G722"),
        ("m=audio 4000 RTP/AVP 111 0\r\na=rtpmap:111 OPUS/48000/2", "opus"),
        ("m=audio 0 RTP/AVP 8\r\nm=audio 4000 RTP/AVP 0", "PCMU"),
        ("m=audio 4000 RTP/AVP 18", ""),
        ("m=video 4000 RTP/AVP 31", ""),
    ],
)
def test_the_codec_that_is_named_first_and_ours_is_the_one_that_counts(line: str, codec: str) -> None:
    assert preferred_codec(media(line), ALL) == codec


@pytest.mark.parametrize("body", ["", "  \r\n"])
def test_an_invite_without_an_offer_leaves_the_choice_to_us(body: str) -> None:
    assert has_common_codec(body, ["PCMU"])


def test_events_alone_are_no_audio_of_ours() -> None:
    events = f"{HEAD}m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    assert not has_common_codec(events, ["PCMU", "opus"])


@given(st.text(alphabet="m=audio 01248/RTPAV\r\na:rtpmap"))
def test_no_offer_makes_the_reader_raise(text: str) -> None:
    has_common_codec(text, ["PCMU"])


# -- address ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("connection", "version"),
    [
        ("c=IN IP4 192.0.2.1", 4),
        ("c=IN IP4 127.0.0.1", 4),
        ("c=IN IP4 0.0.0.0", 4),  # held from the beginning
        ("c=in ip4 192.0.2.1", 4),
        ("c=IN IP6 2001:db8::1", 6),
        ("c=IN IP6 ::1", 6),
    ],
)
def test_an_address_of_our_family_is_taken(connection: str, version: int) -> None:
    assert fault_of(media(connection=connection), Terms(ALL, version=version)) is None


@pytest.mark.parametrize(
    "connection",
    [
        "c=IN IP6 ::1",
        "c=IN IP4 ::1",
        "c=IN IP6 192.0.2.1",
        "c=IN IP4 300.1.1.1",
        "c=IN IP4 media.example.net",
        "c=IN IP4 localhost",
        "c=IN IP4 1.2.3",
        "c=IN IP4 010.0.0.1",
        "c=IN IP4 224.2.1.1/127",
        "c=IN IP4 224.2.1.1",
        "c=IN IP4 255.255.255.255",
        "c=IN IP4 240.0.0.1",
        "c=IN IP4 ",
        "c=IN",
        "c=ATM NSAP 47.0091",
        "a=no-connection-at-all",
    ],
)
def test_an_address_that_is_of_no_use_is_refused_with_a_warning_that_says_so(connection: str) -> None:
    fault = fault_of(media(connection=connection), Terms(ALL))
    assert fault is not None
    assert (fault.reason, fault.warning) == (Reason.BAD_OFFER, 301)


def test_the_streams_own_address_counts() -> None:
    own = media("m=audio 4000 RTP/AVP 0", "c=IN IP4 192.0.2.9", connection="c=IN IP6 ::1")
    assert fault_of(own, Terms(ALL)) is None
    assert fault_of(media("m=audio 4000 RTP/AVP 0", "c=IN IP6 ::1"), Terms(ALL)) is not None


def test_the_address_of_a_stream_that_is_refused_does_not_count() -> None:
    """A line of port 0 may carry anything (RFC 3264 section 6)."""
    offer = media("m=video 0 RTP/AVP 31", "c=IN IP6 ::1", "m=audio 4000 RTP/AVP 0")
    assert fault_of(offer, Terms(ALL)) is None


def test_one_stream_that_can_be_taken_is_enough() -> None:
    offer = media("m=audio 4000 RTP/SAVP 0", "m=audio 4002 RTP/AVP 0")
    assert fault_of(offer, Terms(ALL)) is None


# -- transport and keys -------------------------------------------------------------------------------------

CRYPTO = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"


def test_more_streams_than_can_be_answered_are_refused_with_a_warning_that_says_so() -> None:
    many = media() + "m=video 0 RTP/AVP 31\r\n" * 8
    fault = fault_of(many, Terms(ALL))
    assert fault is not None
    assert (fault.reason, fault.text) == (
        Reason.BAD_OFFER,
        "the offer has 9 streams, up to 8 can be answered",
    )


@pytest.mark.parametrize(
    ("transport", "attributes", "taken_by"),
    [
        ("RTP/AVP", (), {"none", "optional"}),
        ("RTP/AVPF", (), {"none", "optional"}),
        ("rtp/avp", (), {"none", "optional"}),
        ("RTP/AVP", (CRYPTO,), {"none", "optional"}),
        ("RTP/SAVP", (CRYPTO,), {"optional", "required"}),
        ("RTP/SAVPF", (CRYPTO,), {"optional", "required"}),
        ("RTP/SAVP", (f"{CRYPTO}|2^20|1:4",), {"optional", "required"}),
        ("RTP/SAVP", ("a=crypto:1 F8_128_HMAC_SHA1_80 inline:aaaa", CRYPTO), {"optional", "required"}),
        ("RTP/SAVP", (), set()),
        ("RTP/SAVP", ("a=crypto:1 F8_128_HMAC_SHA1_80 inline:aaaa",), set()),
        ("RTP/SAVP", (f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY[:-4]}",), set()),
        ("RTP/SAVP", (f"a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}",), set()),
        ("RTP/SAVP", ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%%%%",), set()),
        ("RTP/SAVP", (f"a=crypto:x AES_CM_128_HMAC_SHA1_80 inline:{KEY}",), set()),
        ("RTP/SAVP", ("a=crypto:",), set()),
        ("UDP/TLS/RTP/SAVP", (), set()),
        ("TCP/RTP/AVP", (), set()),
        ("udptl", (), set()),
    ],
)
def test_what_runs_over_the_wire_is_judged_by_media_srtp(
    transport: str, attributes: tuple[str, ...], taken_by: set[str]
) -> None:
    offer = media(f"m=audio 4000 {transport} 0", *attributes)
    faults = {
        "none": fault_of(offer, Terms(ALL, "none")),
        "optional": fault_of(offer, Terms(ALL, "optional")),
        "required": fault_of(offer, Terms(ALL, "required")),
    }
    assert {srtp for srtp, fault in faults.items() if fault is None} == taken_by
    assert {fault.reason for fault in faults.values() if fault} <= {Reason.BAD_OFFER}


@given(st.text(alphabet="cm=audio 01248/RTPSAVPINIP46.:\r\na:rtpmapcryptoinline"))
def test_no_offer_makes_the_judge_raise(text: str) -> None:
    fault_of(text, Terms(ALL, "optional"))
