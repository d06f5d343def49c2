# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequence numbers of relayed audio where packets are left out, late, or come twice: each is one packet's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest

from agent.simulators.g711 import FRAME
from tests.calls.harness.dialog import HandCaller
from tests.calls.harness.house import House
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.rtp import EVENT, RtpPeer
from tests.calls.harness.sip_socket import offer
from tests.calls.harness.talk import BOT_TONE, CALLER_TONE, QUICKLY
from tests.calls.harness.waiting import eventually
from tests.calls.test_relay import EVENTS, by_hand, ways_of_audio

pytestmark = pytest.mark.calls

NO_DIGIT = bytes([100, 0x80, 0, FRAME])  # an event without a meaning (RFC 4733); the voice agent takes none
LEFT_OUT = -1
Sent = Sequence[tuple[int, int]]
"""What the caller sends, in this order: how far ahead, and a letter (a byte) for audio, or `LEFT_OUT`."""


def with_events(phone: RtpPeer) -> str:
    """An offer of audio and digits."""
    return offer(phone.port).partition("m=audio")[0] + EVENTS.format(phone.port)


@asynccontextmanager
async def relayed(house: House) -> AsyncIterator[tuple[RtpPeer, RtpPeer, HandCaller, str]]:
    """A call whose audio goes across; its caller has just fallen silent."""
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE) as mouth,
        by_hand(house, phone, mouth, asked=with_events(phone)) as (caller, _, call_id),
    ):
        await eventually(lambda: phone.hears(BOT_TONE) and mouth.hears(CALLER_TONE), QUICKLY, "audio")
        await eventually(lambda: house.story(call_id).first("audio is relayed"), QUICKLY, "relayed")
        await phone.hush()
        yield phone, mouth, caller, call_id


def is_answered(caller: HandCaller, number: int) -> bool:
    """Whether so many INVITEs of the caller were answered with 200."""
    return len(caller.answers("INVITE", 200)) == number


async def arrived(phone: RtpPeer, mouth: RtpPeer, sent: Sent) -> dict[int, set[int]]:
    """The numbers with which each letter arrived, counted from the first letter's."""
    begin = len(mouth.packets)
    for ahead, letter in sent:
        if letter == LEFT_OUT:
            phone.send(ahead, NO_DIGIT, EVENT)
        else:
            phone.send(ahead, bytes([letter]) * FRAME)
        await asyncio.sleep(0)
    phone.go_on(20)
    phone.send(0, bytes([0xEE]) * FRAME)

    def letters() -> list[tuple[int, int]]:
        return [(packet.payload[0], packet.sequence) for packet in mouth.packets[begin:]]

    await eventually(lambda: any(letter == 0xEE for letter, _ in letters()), QUICKLY, "the last one")
    first = next(number for letter, number in letters() if letter == sent[0][1])
    numbers: dict[int, set[int]] = {}
    for letter, number in letters():
        numbers.setdefault(letter, set()).add((number - first) & 0xFFFF)
    return {letter: found for letter, found in numbers.items() if letter in {one for _, one in sent}}


@pytest.mark.parametrize(
    ("sent", "numbers"),
    [
        pytest.param([(0, 1), (1, LEFT_OUT), (2, 2), (3, 3)], {1: {0}, 2: {1}, 3: {2}}, id="left-out"),
        pytest.param(
            [(0, 1), (1, LEFT_OUT), (1, LEFT_OUT), (2, 2), (3, 3)], {1: {0}, 2: {1}, 3: {2}}, id="doubled"
        ),
        pytest.param(
            [(0, 1), (2, 2), (1, LEFT_OUT), (3, 3), (4, 4)], {1: {0}, 2: {2}, 3: {3}, 4: {4}}, id="late"
        ),
        pytest.param(
            [(0, 1), (2, LEFT_OUT), (1, 2), (3, 3)], {1: {0}, 2: {1}, 3: {2}}, id="late-audio-before-it"
        ),
        pytest.param(
            [(0, 1), (1, LEFT_OUT), (3, LEFT_OUT), (2, 2), (4, 3)],
            {1: {0}, 2: {1}, 3: {2}},
            id="late-audio-between-two",
        ),
        pytest.param(
            [(0, 1), (1, LEFT_OUT), (4, 4), (2, 2), (3, 3), (1, LEFT_OUT), (5, 5)],
            {1: {0}, 2: {1}, 3: {2}, 4: {3}, 5: {4}},
            id="in-any-order",
        ),
        pytest.param([(0, 1), (2, 2), (3, 3)], {1: {0}, 2: {2}, 3: {3}}, id="lost-on-the-way"),
        pytest.param([(0, 1), (1, 2), (1, 2), (2, 3)], {1: {0}, 2: {1}, 3: {2}}, id="audio-doubled"),
    ],
)
async def test_each_packet_has_a_number_of_its_own(
    house: House, sent: Sent, numbers: dict[int, set[int]]
) -> None:
    async with relayed(house) as (phone, mouth, _, __):
        assert await arrived(phone, mouth, sent) == numbers


async def test_what_is_older_than_the_first_that_went_across_does_not_follow_it(house: House) -> None:
    async with relayed(house) as (phone, mouth, caller, call_id):
        ways = ["audio is relayed", "audio is mixed: one leg is on hold", "audio is relayed"]

        def went(count: int) -> bool:
            return ways_of_audio(house, call_id) == ways[:count]

        for number, direction in ((2, "inactive"), (3, "sendrecv")):
            caller.in_dialog("INVITE", number, body=with_events(phone) + f"a={direction}\r\n")
            await eventually(partial(is_answered, caller, number), QUICKLY, direction)
            caller.in_dialog("ACK", number)
            # A hold that is over before the agent has looked changes nothing: each is waited for.
            await eventually(partial(went, number), QUICKLY, ways[number - 1])
        mouth.catch_up()
        before = mouth.packets[-1]
        numbers = await arrived(phone, mouth, [(2, 1), (3, 2), (1, 9), (4, 3)])
        assert numbers == {1: {0}, 2: {1}, 3: {2}}
        after = [packet for packet in mouth.packets if packet.payload[0] == 1][-1]
        assert (after.sequence - before.sequence) & 0xFFFF == 1, "it goes on where the last source ended"
