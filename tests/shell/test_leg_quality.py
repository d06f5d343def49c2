# SPDX-License-Identifier: GPL-3.0-or-later
"""What RTP did on each leg is stored with the call, in the one write that ends it, and told in its story."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.quality import LegQuality
from agent.sip import events as sip
from agent.sip.traffic import Traffic
from tests.shell.harness import steps as step
from tests.shell.harness.settings import back, care
from tests.shell.harness.shell import NodeOf, Shell
from tests.shell.harness.storage import Fault

CALLER = Traffic(1000, 990, 10, 3, 0.004, 1000, 2, 0.05, "PCMU", 0, 0.24)
AGENT = Traffic(990, 1000, 0, 0, 0.001, 990, 0, None, "PCMU")


def carried(node: Shell, *, relayed: bool = True, why: str = "") -> None:
    """The stack says how audio goes across."""
    node.stack.emit(sip.AudioCarried(node.leg("caller").key, relayed, why))


async def talk(node: Shell) -> str:
    """A call is up; gives its id."""
    for one in (step.caller_comes, step.agent_answers):
        one(node)
        await node.settled()
    carried(node)
    await node.settled()
    node.leg("caller").traffic, node.leg("agent").traffic = CALLER, AGENT
    return node.call.record.call_id


async def legs(node: Shell, call_id: str) -> dict[str, LegQuality]:
    """The legs of a call on disk, by side."""
    found = await node.store.on_disk(call_id)
    assert found is not None
    assert found.ended is not None
    return {leg.side: leg for leg in found.legs}


@pytest.mark.parametrize("ends", [step.caller_hangs_up, step.agent_hangs_up])
async def test_both_legs_are_stored_with_the_end_whoever_hangs_up(node: Shell, ends: step.Step) -> None:
    call_id = await talk(node)
    for one in (ends, step.nice_accepts):
        one(node)
        await node.settled()
    found = await legs(node, call_id)
    assert found == {
        "caller": CALLER.quality("caller", "relay"),
        "agent": AGENT.quality("agent", "relay"),
    }
    assert found["caller"].mos is not None


async def test_they_take_no_write_of_their_own(node: Shell) -> None:
    await talk(node)
    before = node.store.trail.count("update_call")
    step.caller_hangs_up(node)
    await node.settled()
    assert node.store.trail.count("update_call") == before + 1


async def test_where_the_write_fails_they_are_in_the_next_one(node: Shell) -> None:
    call_id = await talk(node)
    node.store.plan["update_call", node.store.trail.count("update_call") + 1] = Fault.BEFORE
    step.caller_hangs_up(node)
    await node.settled()
    await node.passes(2)
    assert set(await legs(node, call_id)) == {"caller", "agent"}


async def test_a_leg_without_rtp_is_left_out(node: Shell) -> None:
    call_id = await talk(node)
    node.leg("agent").traffic = Traffic()
    step.caller_hangs_up(node)
    await node.settled()
    assert set(await legs(node, call_id)) == {"caller"}


@pytest.mark.parametrize(
    ("relayed", "why", "codec", "path"),
    [
        (True, "", "PCMU", "relay"),
        (True, "µ-law to A-law and back", "PCMA", "relay"),
        (False, "the legs have different codecs", "G722", "mix"),
    ],
)
async def test_each_leg_has_the_codec_that_it_agreed_on(
    node: Shell,
    relayed: bool,  # noqa: FBT001
    why: str,
    codec: str,
    path: str,
) -> None:
    call_id = await talk(node)
    carried(node, relayed=relayed, why=why)
    node.leg("agent").traffic = replace(AGENT, codec=codec)
    await node.settled()
    step.caller_hangs_up(node)
    await node.settled()
    found = await legs(node, call_id)
    assert (found["agent"].codec, found["agent"].path) == (codec, path)
    assert (found["caller"].codec, found["caller"].path) == ("PCMU", path)
    assert found["agent"].mos is not None
    assert found["caller"].mos is not None


async def test_each_estimate_is_counted_by_side(node: Shell) -> None:
    await talk(node)
    step.caller_hangs_up(node)
    await node.settled()
    told = node.metrics.render()[0].decode()
    assert 'handoff_call_mos_bucket{leg="caller",le="4.34"} 1' in told, "4.33"
    assert 'handoff_call_mos_bucket{leg="agent",le="4.34"} 0' in told, "4.41"
    assert 'handoff_call_mos_count{leg="agent"} 1' in told


async def test_the_leg_that_a_caller_goes_back_to_is_told_too(node_of: NodeOf) -> None:
    async with node_of(care(handoff=back("bridge"))) as node:
        call_id = await talk(node)
        for one in (step.asked_by_http, step.nice_accepts, step.target_answers):
            one(node)
            await node.settled()
        node.leg("target").traffic = AGENT
        step.caller_hangs_up(node)
        await node.settled()
        assert set(await legs(node, call_id)) == {"caller", "agent", "target"}


async def test_the_story_tells_the_estimate(node: Shell) -> None:
    call_id = await talk(node)
    step.caller_hangs_up(node)
    await node.settled()
    told = [entry.text for entry in node.stories.story(call_id) or () if entry.kind == "audio"]
    assert [text for text in told if "MOS" in text] == [
        "caller: MOS 4.33 by estimate (PCMU, relay)",
        "agent: MOS 4.41 by estimate (PCMU, relay)",
    ]
    assert (
        "caller: 1000 RTP packets in, 10 lost, 990 out, jitter 4.0 ms, longest gap 0.24 s, "
        "round trip 50.0 ms, 2 from elsewhere dropped (media.latch) (PCMU)"
    ) in told
