# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire keeps the dialogs of one call, and hears what is sent to the caller wherever its SDP points."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from agent.simulators.wire import Dialog, Wire
from agent.simulators.wiretap import Datagram

CALLER, US, VOICE_AGENT = ("127.0.0.1", 5061), ("127.0.0.1", 5060), ("127.0.0.1", 5070)


def message(start: str, call_id: str = "one", *headers: str, cseq: str = "1 INVITE", body: str = "") -> bytes:
    lines = [start, f"Call-ID: {call_id}", f"CSeq: {cseq}", *headers, "", body]
    return "\r\n".join(lines).encode()


def sdp(port: int) -> str:
    return f"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 0\r\n"


def invite(contact: str = "4512", call_id: str = "one", port: int = 6000) -> bytes:
    return message("INVITE sip:1@h SIP/2.0", call_id, f"X-InContact-ContactId: {contact}", body=sdp(port))


def rtp(port: int, source: int = 20000, host: str = "127.0.0.1") -> Datagram:
    packet = struct.pack("!BBHII", 0x80, 0, 1, 0, 1) + bytes(160)
    return Datagram(1.0, ("127.0.0.1", source), (host, port), packet)


def seen(*datagrams: Datagram) -> Wire:
    wire = Wire("4512")
    for datagram in datagrams:
        wire.take(datagram)
    return wire


def from_caller(payload: bytes, when: float = 1.0) -> Datagram:
    return Datagram(when, CALLER, US, payload)


def to_caller(payload: bytes, when: float = 1.0) -> Datagram:
    return Datagram(when, US, CALLER, payload)


def the(dialog: Dialog | None) -> Dialog:
    assert dialog is not None
    return dialog


def test_the_caller_s_dialog_is_the_one_with_the_contact_id() -> None:
    wire = seen(
        from_caller(invite("9999", "other")),
        from_caller(invite()),
        to_caller(message("SIP/2.0 200 OK"), 2.0),
        from_caller(message("BYE sip:1@h SIP/2.0", "other", cseq="2 BYE")),
    )
    assert [one.message.start_line for one in the(wire.caller).said] == [
        "INVITE sip:1@h SIP/2.0",
        "SIP/2.0 200 OK",
    ]


def test_dialogs_opened_after_it_are_found_by_the_port_that_was_dialled() -> None:
    wire = seen(
        from_caller(invite()),
        Datagram(2.0, US, VOICE_AGENT, message("INVITE sip:bot@h SIP/2.0", "two")),
        Datagram(3.0, VOICE_AGENT, US, message("BYE sip:agent@h SIP/2.0", "two", cseq="1 BYE")),
    )
    bye = the(wire.dialled[VOICE_AGENT]).first("BYE")
    assert bye is not None
    assert (bye.when, list(wire.dialled)) == (3.0, [VOICE_AGENT])


def test_one_opened_before_it_is_nobody_s() -> None:
    early = Datagram(1.0, US, VOICE_AGENT, message("INVITE sip:bot@h SIP/2.0", "two"))
    assert seen(early, from_caller(invite())).dialled == {}


def test_the_two_sides_of_a_dialog_are_told_apart() -> None:
    wire = seen(
        from_caller(invite()),
        to_caller(message("REFER sip:caller@h SIP/2.0", cseq="1 REFER")),
        from_caller(message("SIP/2.0 202 Accepted", cseq="1 REFER")),
        from_caller(message("NOTIFY sip:agent@h SIP/2.0", cseq="2 NOTIFY")),
    )
    dialog = the(wire.caller)
    assert dialog.first("REFER", from_opener=False) is not None
    assert dialog.first("REFER", from_opener=True) is None
    assert dialog.first("NOTIFY", from_opener=True) is not None


def test_the_answer_to_a_request_is_the_final_one() -> None:
    wire = seen(
        from_caller(invite()),
        to_caller(message("SIP/2.0 180 Ringing")),
        to_caller(message("SIP/2.0 200 OK"), 2.0),
        to_caller(message("SIP/2.0 481 Gone", cseq="2 INFO")),
    )
    answer = the(wire.caller).answer("INVITE")
    assert answer is not None
    assert (answer.status, answer.when) == (200, 2.0)


OURS = to_caller(message("SIP/2.0 200 OK", body=sdp(20000)))


@pytest.mark.parametrize(
    "other", [rtp(6002), rtp(20000), rtp(6000, source=20002), rtp(6000, host="127.0.0.7")]
)
def test_only_audio_from_our_port_to_the_caller_s_is_heard(other: Datagram) -> None:
    wire = seen(rtp(6000), from_caller(invite()), OURS, rtp(6000), other)
    assert len(wire.ear.frames) == 1


def test_the_ear_follows_the_port_of_a_later_offer() -> None:
    wire = seen(from_caller(invite(port=6000)), OURS, from_caller(invite(port=6400)), rtp(6000), rtp(6400))
    assert len(wire.ear.frames) == 1


def test_a_message_without_sdp_changes_no_port() -> None:
    ack = message("ACK sip:1@h SIP/2.0", cseq="1 ACK")
    assert len(seen(from_caller(invite()), OURS, from_caller(ack), rtp(6000)).ear.frames) == 1


def test_the_longest_pause_is_that_of_one_who_was_dialled_and_spoke_on() -> None:
    sent = [replace(rtp(US[1], 7000), when=when) for when in (1.0, 1.02, 1.14, 1.16)]
    wire = seen(
        from_caller(invite()),
        Datagram(1.0, US, VOICE_AGENT, message("INVITE sip:bot@h SIP/2.0", "two", body=sdp(20002))),
        Datagram(1.0, VOICE_AGENT, US, message("SIP/2.0 200 OK", "two", body=sdp(7000))),
        *sent,
        replace(rtp(US[1], 20002), when=9.0),
    )
    assert wire.longest_pause() == pytest.approx(0.12)
    assert seen(from_caller(invite())).longest_pause() == 0.0
