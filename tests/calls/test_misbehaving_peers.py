# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that break the rules: the agent answers as RFC 3261 says or not at all, and serves others."""

from __future__ import annotations

import asyncio
import random
import uuid

import pytest

from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.messages import labels
from tests.calls.harness.plan import CARE
from tests.calls.harness.sip_socket import SipSocket, offer, request
from tests.calls.harness.torture import MESSAGES, read
from tests.calls.harness.waiting import eventually
from tests.harness.streams import hang_up

pytestmark = pytest.mark.calls

TORTURES = sorted(MESSAGES.glob("*.sip"))
CALLERS = "misbehaving/callers"


async def still_serves(house: House) -> None:
    """OPTIONS from another socket is answered: what was sent before has been looked at by now."""
    async with SipSocket(house.plan.sip) as other:
        other.send(request("OPTIONS", f"sip:127.0.0.1:{house.plan.sip}", other))
        await eventually(lambda: 200 in other.statuses(), what="the agent answers OPTIONS")


@pytest.mark.parametrize("path", TORTURES, ids=lambda path: path.stem)
async def test_a_message_that_breaks_the_rules_is_answered_as_they_say(house: House, path: object) -> None:
    torture = read(MESSAGES / str(path))
    call_id = uuid.uuid4().hex
    async with SipSocket(house.plan.sip) as wire:
        wire.acknowledges = True
        wire.send(torture.message(wire, house.plan.sip, call_id))
        await still_serves(house)
        if not torture.silence:
            await eventually(lambda: [code for code in wire.statuses() if code >= 200], what="a final answer")
        final = [code for code in wire.statuses() if code >= 200]
        assert set(final) <= torture.codes, f"{torture.name}: {final}, right would be {sorted(torture.codes)}"
        await house.at_rest()


async def test_noise_is_survived(house: House) -> None:
    noise = random.Random(4475)  # noqa: S311 - the same noise each time
    async with SipSocket(house.plan.sip) as wire:
        for size in (0, 1, 2, 3, 4, 17, 100, 1300, 9000, 65000):
            wire.send(noise.randbytes(size))
        for text in (
            "\r\n\r\n",
            "\0" * 40,
            "INVITE",
            "INVITE \r\n\r\n",
            "SIP/2.0",
            "SIP/2.0 200",
            "\r\n" * 500,
            ":" * 900,
        ):
            wire.send(text.encode())
        good = request("INVITE", f"sip:{CARE}@127.0.0.1:{house.plan.sip}", wire, body=offer(4000))
        for _ in range(200):
            spoiled = bytearray(good)
            for _ in range(noise.randrange(1, 8)):
                spoiled[noise.randrange(len(spoiled))] = noise.randrange(256)
            wire.send(bytes(spoiled[: noise.randrange(10, len(spoiled) + 1)]))
        await still_serves(house)
    await house.at_rest(40)


async def test_an_options_on_the_branch_of_a_finished_invite_is_survived(house: House) -> None:
    uri, call_id = f"sip:nobody@127.0.0.1:{house.plan.sip}", uuid.uuid4().hex
    branch = f"z9hG4bK{call_id}"
    async with SipSocket(house.plan.sip) as wire:
        lines = tuple(identity(new_contact()).split("\r\n"))
        wire.send(
            request("INVITE", uri, wire, call_id=call_id, branch=branch, headers=lines, body=offer(4000))
        )
        await eventually(lambda: 404 in wire.statuses(call_id), what="404")
        spoiled = request("OPTIONS", uri, wire, call_id=call_id, branch=branch)
        wire.send(spoiled.replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"))
        wire.send(request("ACK", uri, wire, call_id=call_id, branch=branch))
        await still_serves(house)
    await house.at_rest()


async def test_a_broken_re_invite_is_refused_and_the_call_stays(house: House) -> None:
    async with house.voice_agent() as bot, house.caller("broken_reinvite", folder=CALLERS) as caller:
        await caller.succeeds()
        await bot.succeeds()


async def test_a_bye_of_no_dialog_is_481(house: House) -> None:
    async with house.caller("stray_bye", folder=CALLERS) as caller:
        await caller.succeeds()


@pytest.mark.parametrize("scenario", ["unknown_method", "unserved_method"])
async def test_a_method_that_is_not_served_is_refused_with_what_is(house: House, scenario: str) -> None:
    async with house.caller(scenario) as caller:
        await caller.succeeds()
    answer = caller.messages()[-1]
    if answer.status == 405:
        assert "INVITE" in answer.header("Allow")


async def test_a_tcp_peer_that_sends_half_a_message_and_goes_is_survived(house: House) -> None:
    async with SipSocket(house.plan.sip) as wire:
        whole = request("INVITE", f"sip:{CARE}@127.0.0.1:{house.plan.sip}", wire, body=offer(4000))
    for part in (
        whole[:100],
        whole[:-20],
        b"\0" * 2000,
        whole.replace(b"Content-Length: ", b"Content-Length: 99999"),
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", house.plan.sip)
        writer.write(part)
        await writer.drain()
        await hang_up(writer)
    await still_serves(house)


@pytest.mark.slow
async def test_a_caller_who_never_acknowledges_is_given_up(house: House) -> None:
    async with (
        house.voice_agent() as bot,
        house.caller("never_acks", folder=CALLERS, limit=60) as caller,
    ):
        await caller.finished()
        assert "BYE" in labels(caller.messages())
        await bot.succeeds()
    await house.at_rest()


@pytest.mark.slow
async def test_a_voice_agent_that_is_deaf_to_bye_holds_nothing_up(house: House) -> None:
    async with (
        house.voice_agent("ignores_bye", folder="misbehaving/voice_agents"),
        house.caller("basic_call", talk=50) as caller,
    ):
        await caller.succeeds()
        await house.ended(caller, "caller", "caller_hung_up")
        await house.at_rest(45)
