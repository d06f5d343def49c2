# SPDX-License-Identifier: GPL-3.0-or-later
"""Each way in with each way back: the wire, the contact centre's ledger, the metrics and the record."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from tests.calls.harness.asking import CONNECTED, DATA, WAYS, ask, told, voice_agent
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.messages import labels, once
from tests.calls.harness.metrics import Since
from tests.calls.harness.plan import BRIDGE, CARE, REFER, Change, Plan
from tests.calls.harness.referring import ACTIVE, DONE, OK, TRYING, tell
from tests.calls.harness.story import Story
from tests.calls.harness.talk import Talk, queue, talking
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

COMFORT = "the caller hears comfort audio"
NUMBERS = {"release": CARE, "refer": REFER, "bridge": BRIDGE}
LADDERS = {
    "http": ["INVITE", "ACK", "BYE"],
    "refer": ["INVITE", "ACK", "202 REFER", "NOTIFY", "NOTIFY", "BYE"],
    "info": ["INVITE", "ACK", "200 INFO", "BYE"],
    "bye": ["INVITE", "ACK", "200 BYE"],
}
"""What each voice agent gets, in this order and nothing else."""


@pytest.fixture(scope="module")
def change() -> Change:
    """A caller who is released may take its time to say BYE."""

    def wait(plan: Plan) -> None:
        for project in plan.projects.values():
            project["handoff"]["wait_for_bye"] = "60s"

    return wait


@pytest.mark.parametrize("back", NUMBERS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_caller_whose_voice_agent_asks_by_way_goes_back_by_method(
    house: House, way: str, back: str
) -> None:
    contact = new_contact()
    since = house.watch()
    async with AsyncExitStack() as stack:
        bridged = await stack.enter_async_context(queue(house)) if back == "bridge" else None
        talk = await stack.enter_async_context(
            talking(house, contact, "is_referred", number=NUMBERS[back], **voice_agent(way, contact))
        )
        await talk.hear_each_other()
        await house.signalled(contact, CONNECTED)
        house.cxone.fault(signal={"mode": "slow", "seconds": 0.3})
        await ask(talk, way)
        if bridged is not None:
            await bridged.takes(talk)
        else:
            await eventually(lambda: COMFORT in str(talk.story), what=COMFORT)
            await talk.hears_comfort()
        assert not talk.phone.silent(15), "comfort audio or the queue, never silence"
        await talk.bot.succeeds()
        if back == "refer":
            await _transfer(talk)
        await _accepted(talk)
        if back != "refer":  # there the agent's BYE has followed the last NOTIFY
            talk.caller.cue()
        await talk.caller.succeeds()
        if bridged is not None:
            await bridged.sipp.succeeds()
        assert talk.mouth.packets[-1].at < talk.phone.packets[-1].at, "the voice agent hears no more of it"
        await _is_told_everywhere(talk, way, back, since)
    await house.at_rest()


async def _transfer(talk: Talk) -> None:
    """The contact centre accepts the REFER and tells how the transfer goes."""
    referred = await talk.caller.saw("REFER")
    assert f":{talk.house.plan.queue}" in referred.header("Refer-To")
    talk.caller.cue("ACCEPT")
    for count, (said, state) in enumerate(((TRYING, ACTIVE), (OK, DONE)), 1):
        tell(talk.caller, said, state)
        await talk.caller.saw("200 NOTIFY", count)


async def _accepted(talk: Talk) -> None:
    """The signal is accepted, as the agent recorded it: a caller who leaves before that takes it back."""
    await eventually(
        lambda: [signal["state"] for signal in talk.house.records.signals(talk.call_id)] == ["accepted"] * 2,
        what="both signals accepted",
    )


async def _is_told_everywhere(talk: Talk, way: str, back: str, since: Since) -> None:
    house, contact = talk.house, talk.contact
    await house.signalled(contact, CONNECTED, told(contact))
    row = await house.ended(talk.caller, "handoff", "handoff")
    handoff = house.records.handoff(row["call_id"])
    assert handoff is not None
    assert (handoff["way"], handoff["destination"], handoff["data"]) == (way, "billing", DATA)
    assert _ladder(talk) == LADDERS[way]
    _in_order(talk.story, way, back)
    project = row["project"]
    assert since.moved("handoff_calls_total", project=project, end="handoff") == 1
    assert since.moved("handoff_calls_total") == 1
    assert since.moved("handoff_signals_total", moment="handoff", outcome="accepted") == 1
    await eventually(
        lambda: since.moved("handoff_media_return_seconds_count", method=back) == 1, what="media returned"
    )
    assert since.moved("handoff_media_return_seconds_count") == 1


def _ladder(talk: Talk) -> list[str]:
    """What the voice agent got, without the test's cue."""
    received = once(message for message in talk.bot.messages() if not message.sent)
    return [label for label in labels(received) if label != "MESSAGE"]


def _in_order(story: Story, way: str, back: str) -> None:
    """The signal is begun, then accepted, then the voice agent's leg is released, then media goes back."""
    begun, accepted = ("handoff begun",), ("handoff accepted",)
    comfort = (COMFORT,)
    goes = {
        "refer": ("caller us → REFER",),
        "bridge": ("target us → INVITE",),
        "release": ("caller → us BYE",),
    }[back]
    if way == "bye":
        story.in_order(("agent  → us BYE",), comfort, goes)
        story.in_order(("agent  → us BYE",), begun, accepted, goes)
    else:
        story.in_order(begun, accepted, comfort, ("agent  us → BYE",), goes)
