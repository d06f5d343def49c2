# SPDX-License-Identifier: GPL-3.0-or-later
"""The voice agent hands the caller back: state first, then the signal, then the end of its leg."""

from __future__ import annotations

import time

import pytest

from tests.calls.harness.gaps import continuity
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import CARE, VOICE_AGENT, Change, Plan
from tests.calls.harness.rtp import RtpPeer
from tests.calls.harness.sipp import Sipp
from tests.calls.harness.waiting import LONG, eventually

pytestmark = pytest.mark.calls

PATIENT = "9995550380"
DEADLINE = 3.0
PATH = "/v1/acme/acme-care"
CONNECTED = {"p1": "Connected"}


@pytest.fixture(scope="module")
def change() -> Change:
    """A project that waits long for the BYE of a caller who is released."""

    def add(plan: Plan) -> None:
        plan.add("acme-patient", PATIENT, wait_for_bye="60s")

    return add


def ask_for(contact: str, **more: object) -> dict[str, object]:
    """The body of a handoff request."""
    body: dict[str, object] = {
        "contact_id": contact,
        "destination": "billing",
        "skill": "4101",
        "reason": "caller asked",
    }
    return {**body, "data": {"name": "Ada", "balance": 12.5}, "shared_id": f"share-{contact}", **more}


def told(contact: str) -> dict[str, str]:
    """What the signal of that request carries."""
    return {"p1": "billing", "p2": "4101", "p3": "caller asked", "p9": f"share-{contact}"}


@pytest.mark.parametrize(
    ("who", "number", "project"),
    [("CXone", PATIENT, "acme-patient"), ("the agent", CARE, "acme-care")],
    ids=["CXone", "the agent"],
)
async def test_a_handoff_signals_first_and_the_caller_hears_audio_until_bye(
    house: House, who: str, number: str, project: str
) -> None:
    contact, path = new_contact(), f"/v1/acme/{project}"
    since = house.watch()
    async with (
        house.voice_agent() as bot,
        house.caller("on_cue", contact, number=number) as caller,
        RtpPeer(caller.rtp_port, 1000) as phone,
        RtpPeer(bot.rtp_port, 440, VOICE_AGENT) as mouth,
    ):
        phone.speak_to((await caller.saw("200 INVITE")).audio_port)
        mouth.speak_to(bot.received("INVITE")[0].audio_port)
        await eventually(lambda: phone.hears(440), what="the caller hears the voice agent")
        reply = house.api("POST", f"{path}/handoffs", ask_for(contact))
        assert reply.status == 202, reply.text
        handoff = reply.json["id"]
        state = house.api("GET", f"{path}/handoff_state?shared_id=share-{contact}")
        assert state.status == 200, "readable before the signal leaves"
        assert state.json["data"] == {"name": "Ada", "balance": 12.5}
        bye = await bot.saw("BYE")
        await eventually(
            lambda: sum(packet.at > bye.at for packet in phone.packets) > 20,
            LONG,
            "audio goes on after the voice agent left",
        )
        assert not phone.silent(15), "comfort audio, never silence"
        assert continuity(phone.packets, time.time()).lost == 0, "by the packets' own numbers"
        if who == "CXone":
            caller.cue()
        await caller.succeeds()
        await bot.succeeds()
    await house.signalled(contact, CONNECTED, told(contact))
    assert house.cxone.signals(contact)[1]["received"] <= bye.at
    await eventually(
        lambda: house.api("GET", f"{path}/handoffs/{handoff}").json["state"] == "accepted", what="accepted"
    )
    assert bool(caller.received("BYE")) is (who == "the agent")
    await house.ended(caller, "handoff", "handoff")
    assert since.moved("handoff_calls_total", project=project, end="handoff") == 1
    assert since.moved("handoff_signals_total", moment="handoff", outcome="accepted") == 1
    assert since.moved("handoff_media_return_seconds_count", method="release") == 1
    await house.at_rest()


async def test_a_second_handoff_comes_too_late(house: House) -> None:
    contact = new_contact()
    async with house.voice_agent() as bot, house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        await eventually(
            lambda: house.api("POST", f"{PATH}/handoffs", ask_for(contact)).status == 202, what="202"
        )
        assert house.api("POST", f"{PATH}/handoffs", ask_for(contact, skill="9")).status == 409
        await caller.saw("BYE")
        await caller.succeeds()
        await bot.succeeds()
    await house.signalled(contact, CONNECTED, told(contact))


async def test_a_handoff_of_no_live_call_is_404_and_changes_nothing(house: House) -> None:
    assert house.api("POST", f"{PATH}/handoffs", ask_for(new_contact())).status == 404


async def test_a_wrong_key_may_neither_hand_off_nor_read(house: House) -> None:
    contact = new_contact()
    async with house.voice_agent() as bot, house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        for key in ("", "wrong", "acme-api-kez"):
            assert house.api("POST", f"{PATH}/handoffs", ask_for(contact), key).status in (401, 403)
            assert house.api("GET", f"{PATH}/handoff_state?id={contact}", key=key).status in (401, 403)
        caller.cue()
        await caller.succeeds()
        await bot.succeeds()
    await house.signalled(contact, CONNECTED)


async def _hand_off_slowly(house: House, contact: str, caller: Sipp, seconds: float) -> None:
    """Hand off once the call is up; NICE takes so long to answer the signal."""
    await caller.saw("200 INVITE")
    await house.signalled(contact, CONNECTED)
    house.cxone.fault(signal={"mode": "slow", "seconds": seconds})
    reply = house.api("POST", f"{PATH}/handoffs", ask_for(contact))
    assert reply.status == 202, reply.text


async def test_a_slow_cxone_holds_the_voice_agent_no_longer_than_the_deadline(house: House) -> None:
    contact = new_contact()
    async with house.voice_agent() as bot, house.caller("on_cue", contact) as caller:
        await _hand_off_slowly(house, contact, caller, 60)
        call_id = bot.received("INVITE")[0].header("X-Call-Id")
        asked = house.records.handoff(call_id)
        bye = await bot.saw("BYE")
        house.cxone.heal()
        assert asked is not None
        assert bye.at - asked["asked"] > DEADLINE - 0.1
        await caller.saw("BYE")
        await caller.succeeds()
    await house.ended(caller, "handoff", "handoff")
    await house.signalled(contact, CONNECTED, told(contact))


async def test_the_caller_hangs_up_during_a_handoff(house: House) -> None:
    contact = new_contact()
    async with house.voice_agent() as bot, house.caller("on_cue", contact) as caller:
        await _hand_off_slowly(house, contact, caller, 2)
        await eventually(lambda: len(house.cxone.signals(contact)) == 2, what="NICE has the handoff signal")
        caller.cue()
        await caller.succeeds()
        await bot.succeeds()
    await house.at_rest()
    await house.signalled(contact, CONNECTED, told(contact))
    assert len(house.cxone.signals(contact)) == 2, "no second terminal signal"
    await house.ended(caller, "handoff", "handoff")


async def test_the_voice_agent_hangs_up_right_after_it_handed_off(house: House) -> None:
    contact = new_contact()
    async with house.voice_agent("on_cue") as bot, house.caller("on_cue", contact) as caller:
        await _hand_off_slowly(house, contact, caller, 0.5)
        bot.cue()
        await bot.succeeds()
        await caller.succeeds()
    await house.signalled(contact, CONNECTED, told(contact))
    await house.ended(caller, "handoff", "handoff")
