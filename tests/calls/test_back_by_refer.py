# SPDX-License-Identifier: GPL-3.0-or-later
"""The caller goes back by REFER (RFC 3515); where that fails, to the next target or by release."""

from __future__ import annotations

import pytest

from tests.calls.harness.asking import hand_off, handed_off, went_back
from tests.calls.harness.house import House
from tests.calls.harness.plan import REFER, VOICE_AGENT, Change, Plan
from tests.calls.harness.sipp import Sipp
from tests.calls.harness.talk import Talk, talking

pytestmark = pytest.mark.calls

REFER_TWO = "9995550320"
TRYING, ACTIVE = "SIP/2.0 100 Trying", "active;expires=60"
TERMINATED = "terminated;reason=noresource"


@pytest.fixture(scope="module")
def change() -> Change:
    """A project with two targets, and short times."""

    def add(plan: Plan) -> None:
        two = plan.back(plan.queue, plan.overflow)
        plan.add("acme-refer-two", REFER_TWO, method="refer", targets=two, transfer_timeout="2s")
        for name in ("acme-refer", "acme-refer-two"):
            plan.projects[name]["handoff"]["wait_for_bye"] = "2s"

    return add


def _tell(caller: Sipp, said: str, state: str = TERMINATED) -> None:
    caller.cue("TELL", said, state=state)


async def _referred(talk: Talk, count: int = 1) -> None:
    """Hand off and wait for the REFER of that number."""
    await hand_off(talk)
    await talk.caller.saw("REFER", count)


async def test_the_refer_says_who_sends_whom_where(house: House) -> None:
    async with talking(house, caller="is_referred", bot="answers", number=REFER) as talk:
        await _referred(talk)
        refer = talk.caller.received("REFER")[0]
        assert refer.header("Refer-To") in {
            f"{left}sip:queue@{VOICE_AGENT}:{house.plan.queue}{right}" for left, right in (("", ""), "<>")
        }
        assert "sip:" in refer.header("Referred-By")
        assert refer.header("X-Contact-Id") == talk.contact
        assert refer.header("X-Call-Id") == talk.call_id
        talk.caller.cue("ACCEPT")
        talk.caller.cue()
        await talk.caller.succeeds()
    await handed_off(talk)


@pytest.mark.parametrize("who", ["CXone", "the agent"])
async def test_a_transfer_that_succeeded_ends_with_the_bye_of(house: House, who: str) -> None:
    since = house.watch()
    async with talking(house, caller="is_referred", bot="answers", number=REFER) as talk:
        await _referred(talk)
        talk.caller.cue("ACCEPT")
        _tell(talk.caller, TRYING, ACTIVE)
        await talk.caller.saw("200 NOTIFY")
        await talk.hears_comfort()
        assert not since.moved("handoff_media_return_seconds_count"), "on its way is not there"
        _tell(talk.caller, "SIP/2.0 200 OK")
        await talk.caller.saw("200 NOTIFY", 2)
        await went_back(since, "refer")
        assert not talk.caller.received("BYE"), "CXone may say BYE first"
        if who == "CXone":
            talk.caller.cue()
        await talk.caller.succeeds()
        assert bool(talk.caller.received("BYE")) is (who == "the agent")
    await handed_off(talk)


@pytest.mark.parametrize("refusal", ["DECLINE", "FORBID", "NOTIFY 503", "NOTIFY without a final word"])
async def test_the_next_target_is_tried_after(house: House, refusal: str) -> None:
    since = house.watch()
    async with talking(house, caller="is_referred", bot="answers", number=REFER_TWO) as talk:
        await _referred(talk)
        if refusal.startswith("NOTIFY"):
            talk.caller.cue("ACCEPT")
            _tell(talk.caller, "SIP/2.0 503 Service Unavailable" if "503" in refusal else TRYING)
        else:
            talk.caller.cue(refusal)
        second = await talk.caller.saw("REFER", 2)
        assert f":{house.plan.overflow}" in second.header("Refer-To")
        talk.caller.cue("ACCEPT")
        _tell(talk.caller, "SIP/2.0 200 OK")
        await went_back(since, "refer")
        talk.caller.cue()
        await talk.caller.succeeds()
    await handed_off(talk)


async def test_the_caller_is_released_when_every_transfer_is_refused(house: House) -> None:
    since = house.watch()
    async with talking(house, caller="is_referred", bot="answers", number=REFER_TWO) as talk:
        await _referred(talk)
        talk.caller.cue("FORBID")
        await talk.caller.saw("REFER", 2)
        talk.caller.cue("DECLINE")
        await talk.hears_comfort()
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await went_back(since, "release")
    await handed_off(talk)


async def test_a_transfer_of_which_nothing_is_heard_ends_in_release(house: House) -> None:
    since = house.watch()
    async with talking(house, caller="is_referred", bot="answers", number=REFER_TWO) as talk:
        await _referred(talk)
        talk.caller.cue("ACCEPT")
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
        assert len(talk.caller.received("REFER")) == 1, "it may yet come true: no second one"
    await went_back(since, "release")
    await handed_off(talk)


async def test_a_caller_who_hangs_up_in_the_middle_of_a_transfer_leaves_nothing_behind(house: House) -> None:
    async with talking(house, caller="is_referred", bot="answers", number=REFER) as talk:
        await _referred(talk)
        talk.caller.cue("ACCEPT")
        _tell(talk.caller, TRYING, ACTIVE)
        await talk.caller.saw("200 NOTIFY")
        talk.caller.cue()
        await talk.caller.succeeds()
    await handed_off(talk)
