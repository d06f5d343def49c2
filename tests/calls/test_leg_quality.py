# SPDX-License-Identifier: GPL-3.0-or-later
"""What the record says of each leg's audio: its own codec, an estimate, the longest time without a packet."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agent.simulators.messages import WireMessage
from tests.calls.harness.dialog import HandCaller
from tests.calls.harness.house import House
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.rtp import RtpPeer
from tests.calls.harness.sip_socket import audio_port, offer
from tests.calls.harness.talk import BOT_TONE, CALLER_TONE, QUICKLY
from tests.calls.harness.waiting import eventually
from tests.calls.test_relay import by_hand, change

pytestmark = pytest.mark.calls

__all__ = ["change"]  # the fixture: between its codecs audio is mixed

PAUSE = 1.0


def g722(port: int) -> str:
    """The same offer with another codec."""
    head = offer(port).partition("m=audio")[0]
    return f"{head}m=audio {port} RTP/AVP 9\r\na=rtpmap:9 G722/8000\r\n"


async def legs_of(house: House, call_id: str) -> dict[str, dict[str, Any]]:
    """The legs of a call, once it is over and both are on record."""

    def found() -> list[dict[str, Any]]:
        legs: list[dict[str, Any]] = house.operations("GET", f"/calls/{call_id}").json.get("legs", [])
        return legs if len(legs) == 2 else []

    legs = await eventually(found, what="both legs are on record")
    return {leg["side"]: leg for leg in legs}


async def pause(phone: RtpPeer, mouth: RtpPeer, ours: int) -> None:
    """One end falls silent for a while, and the other hears it again; `ours` is where it speaks to."""
    await phone.hush()
    silent = time.monotonic()
    await eventually(lambda: time.monotonic() - silent > PAUSE, PAUSE + QUICKLY, "the pause")
    phone.go_on(1)  # a packet is missing, so that this is no pause of a speaker's
    heard = len(mouth.packets)
    phone.speak_to(ours)
    await eventually(lambda: len(mouth.packets) > heard + 10, QUICKLY, "audio goes on")


async def offered(caller: HandCaller, cseq: int, body: str) -> int:
    """A re-INVITE with this offer is through: the port that it was answered with."""

    def answers() -> list[WireMessage]:
        return [one for one in caller.answers("INVITE", 200) if one.first("CSeq") == f"{cseq} INVITE"]

    caller.in_dialog("INVITE", cseq, body=body)
    (answer, *_) = await eventually(answers, what=f"the answer to offer {cseq}")
    caller.in_dialog("ACK", cseq)
    return audio_port(answer.body)


@pytest.mark.parametrize(("way", "codec"), [("relayed", "PCMU"), ("mixed", "G722")])
async def test_a_gap_is_told_on_the_leg_that_has_it_and_each_leg_has_its_codec(
    house: House, way: str, codec: str
) -> None:
    since = house.watch()
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE, payload_type=9 if codec == "G722" else 0) as mouth,
    ):
        answer = g722(mouth.port) if codec == "G722" else offer(mouth.port)
        async with by_hand(house, phone, mouth, answer) as (caller, _, call_id):
            await house.tells(call_id, f"audio is {way}")
            await eventually(lambda: len(mouth.packets) > 10, QUICKLY, "the voice agent hears the caller")
            await eventually(lambda: len(phone.packets) > 10, QUICKLY, "and the other way round")
            await pause(phone, mouth, audio_port(caller.answers("INVITE", 200)[0].body))
    legs = await legs_of(house, call_id)
    assert (legs["caller"]["codec"], legs["agent"]["codec"]) == ("PCMU", codec)
    assert legs["caller"]["longest_gap"] >= PAUSE
    assert legs["agent"]["longest_gap"] is not None
    for leg in legs.values():
        assert 1.0 <= leg["mos"] <= 4.41, leg
        assert leg["discarded"] is not None
        assert since.moved("handoff_call_mos_count", leg=leg["side"]) == 1
    gap = f"longest gap {legs['caller']['longest_gap']:.2f} s"
    house.story(call_id).when("caller: ", gap, "(PCMU)")
    house.story(call_id).when("agent: ", f"({codec})")


async def test_while_the_caller_is_on_hold_nothing_is_missing(house: House) -> None:
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE) as mouth,
    ):
        began = time.monotonic()
        async with by_hand(house, phone, mouth) as (caller, _, call_id):
            await eventually(lambda: len(mouth.packets) > 10, QUICKLY, "the voice agent hears the caller")
            await phone.hush()
            await offered(caller, 2, f"{offer(phone.port)}a=sendonly\r\n")
            held = time.monotonic()
            await eventually(lambda: time.monotonic() - held > held - began + PAUSE, 60, "a longer while")
            back = time.monotonic()
            phone.speak_to(await offered(caller, 3, offer(phone.port)))
            heard = len(mouth.packets)
            await eventually(lambda: len(mouth.packets) > heard + 10, QUICKLY, "audio goes on")
        over = time.monotonic()
    gap = (await legs_of(house, call_id))["caller"]["longest_gap"]
    assert 0 < gap <= max(held - began, over - back), "but for the time on hold"
