# SPDX-License-Identifier: GPL-3.0-or-later
"""Which codecs an SDP offer names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.offer import audio_codecs, has_common_codec

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
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
    assert audio_codecs(HEAD + media) == codecs
    assert audio_codecs((HEAD + media).replace("\r\n", "\n")) == codecs


def test_a_dynamic_number_means_what_the_offer_says() -> None:
    offer = f"{HEAD}m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 iLBC/8000\r\n"
    assert not has_common_codec(offer, ["PCMU"])


@pytest.mark.parametrize("ours", [["PCMU"], ["opus", "pcmu"]])
def test_names_of_codecs_are_alike_in_upper_and_lower_case(ours: list[str]) -> None:
    assert has_common_codec(f"{HEAD}m=audio 4000 RTP/AVP 0\r\n", ours)


@pytest.mark.parametrize("body", ["", "  \r\n"])
def test_an_invite_without_an_offer_leaves_the_choice_to_us(body: str) -> None:
    assert has_common_codec(body, ["PCMU"])


def test_events_alone_are_no_audio_of_ours() -> None:
    events = f"{HEAD}m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    assert not has_common_codec(events, ["PCMU", "opus"])


@given(st.text(alphabet="m=audio 01248/RTPAV\r\na:rtpmap"))
def test_no_offer_makes_the_reader_raise(text: str) -> None:
    has_common_codec(text, ["PCMU"])
