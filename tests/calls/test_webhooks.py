# SPDX-License-Identifier: GPL-3.0-or-later
"""A handoff is told to the customer's system too, and what was said to NICE: neither holds up the caller."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import SECRETS, TOKEN, Change, Plan, patient
from tests.calls.harness.ports import free_port
from tests.calls.harness.waiting import eventually
from tests.delivery.receiver import Receiver

pytestmark = pytest.mark.calls

PATH = "/v1/acme/acme-care"
PORT = free_port()
SAID = {
    "completion": "escalated",
    "entries": [{"who": "bot", "text": "Hello"}, {"who": "patron", "text": "Hi"}],
}


@pytest.fixture(scope="module")
def change() -> Change:
    """The customer's system is on this machine; it may hang for long."""

    def made(plan: Plan) -> None:
        care = patient(plan.projects["acme-care"])
        url = f"http://127.0.0.1:{PORT}/handoffs"
        care["webhook"] = {"url": url, "secret": "${env:CLIENT_SECRET}", "timeout": "30s"}
        care["cxone"]["transcripts"] = {"vendor_id": "v", "virtual_agent_id": "b"}

    return made


def master_of(contact: str) -> str:
    return f"9{contact}"


def headers(contact: str) -> str:
    """The INVITE's headers, with a master contact."""
    return identity(contact, TOKEN, f"X-InContact-MasterId: {master_of(contact)}")


def transcripts(house: House, contact: str) -> list[dict[str, Any]]:
    """What the simulated TMS got."""
    return house.cxone.transcripts(master_of(contact))


async def settled(house: House, channel: str) -> None:
    """Wait until nothing of a channel is left in the outbox."""

    def none_left() -> bool:
        return total(house.metrics(), "handoff_outbox_pending", channel=channel) == 0

    await eventually(none_left, what=f"no {channel} is left in the outbox")


async def test_a_webhook_and_a_tms_that_hang_hold_up_neither_signal_nor_caller(house: House) -> None:
    contact, since = new_contact(), house.watch()
    house.cxone.fault(tms={"mode": "slow", "seconds": 3, "times": 1})
    async with (
        Receiver(["hang"], port=PORT, secret=SECRETS["CLIENT_SECRET"]) as receiver,
        house.voice_agent() as bot,
        house.caller("on_cue", headers=headers(contact)) as caller,
    ):
        await caller.saw("200 INVITE")
        posted = house.api("POST", f"{PATH}/transcript", {"contact_id": contact, **SAID})
        assert posted.status == 202, posted.text
        reply = house.api("POST", f"{PATH}/handoffs", {"contact_id": contact, "destination": "billing"})
        assert reply.status == 202, reply.text
        await receiver.reached(1)  # and it hangs
        await bot.saw("BYE")
        caller.cue()
        await caller.succeeds()
        await bot.succeeds()
        await house.signalled(contact, {"p1": "Connected"}, {"p1": "billing"})
        row = await house.ended(caller, "handoff", "handoff")
        assert house.api("GET", f"{PATH}/handoffs/{reply.json['id']}").json["state"] == "accepted"
        assert since.moved("handoff_webhooks_total") == 0, "it hangs even now"
        receiver.let_go.set()
        await settled(house, "webhook")
    ((_, body),) = receiver.posts
    told = json.loads(body)
    assert (told["event"], told["id"], told["call_id"]) == ("handoff", reply.json["id"], row["call_id"])
    assert (told["contact_id"], told["master_id"]) == (contact, master_of(contact))
    assert (told["destination"], told["way"]) == ("billing", "http")
    await settled(house, "transcript")
    (entry,) = transcripts(house, contact)
    assert entry["accepted"]
    assert since.moved("handoff_webhooks_total", project="acme-care", outcome="accepted") == 1
    assert since.moved("handoff_transcripts_total", project="acme-care", outcome="accepted") == 1
    assert since.moved("handoff_signals_total", moment="handoff") == 1
    assert since.moved("handoff_signals_total", moment="arrival") == 1
    assert since.moved("handoff_signals_total") == 2
    again = house.api("POST", f"{PATH}/transcript", {"call_id": row["call_id"], **SAID})
    assert again.status == 409, "once per master contact, over or not"
    assert "billing" not in house.agent.log.read_text()
    await house.at_rest()


async def test_a_webhook_s_end_is_not_taken_for_that_of_the_signal(house: House) -> None:
    """The signal waits for a slow NICE; the webhook is settled long before, and the caller still waits."""
    contact, since = new_contact(), house.watch()
    async with (
        Receiver(port=PORT, secret=SECRETS["CLIENT_SECRET"]) as receiver,
        house.voice_agent() as bot,
        house.caller("on_cue", headers=headers(contact)) as caller,
    ):
        await caller.saw("200 INVITE")
        await house.signalled(contact, {"p1": "Connected"})
        house.cxone.fault(signal={"mode": "slow"})
        reply = house.api(
            "POST", f"{PATH}/handoffs?wait=0", {"contact_id": contact, "destination": "billing"}
        )
        assert reply.status == 202, reply.text
        await receiver.reached(1)
        await settled(house, "webhook")
        state = house.api("GET", f"{PATH}/handoffs/{reply.json['id']}").json["state"]
        assert state in ("recorded", "sending")
        assert not bot.received("BYE")
        house.cxone.heal()
        await house.signalled(contact, {"p1": "Connected"}, {"p1": "billing"})
        await bot.saw("BYE")
        caller.cue()
        await caller.succeeds()
        await bot.succeeds()
    await house.ended(caller, "handoff", "handoff")
    assert since.moved("handoff_webhooks_total", project="acme-care", outcome="accepted") == 1
    await house.at_rest()


async def test_after_kill_9_a_webhook_is_told_again_and_a_transcript_is_unknown(house: House) -> None:
    contact = new_contact()
    house.cxone.fault(tms={"mode": "timeout_after_accept", "times": 1})
    async with Receiver(["hang"], port=PORT, secret=SECRETS["CLIENT_SECRET"]) as receiver:
        async with (
            house.voice_agent() as bot,
            house.caller("on_cue", headers=headers(contact)) as caller,
        ):
            await caller.saw("200 INVITE")
            reply = house.api("POST", f"{PATH}/handoffs", {"contact_id": contact, "destination": "billing"})
            assert reply.status == 202, reply.text
            await bot.saw("BYE")
            caller.cue()
            await caller.succeeds()
            await bot.succeeds()
        row = await house.ended(caller, "handoff", "handoff")
        posted = house.api("POST", f"{PATH}/transcript", {"call_id": row["call_id"], **SAID})
        assert posted.status == 202, posted.text
        await receiver.reached(1)
        await eventually(lambda: transcripts(house, contact), what="the transcript is at TMS")
        await house.signalled(contact, {"p1": "Connected"}, {"p1": "billing"})
        house.agent.kill()
        house.start()
        await receiver.reached(2)
        await settled(house, "webhook")
        assert receiver.times == {reply.json["id"]: 2}
    (entry,) = transcripts(house, contact)
    assert entry["accepted"]
    states = {one["channel"]: one["state"] for one in house.records.signals(row["call_id"])}
    assert (states["webhook"], states["transcript"]) == ("accepted", "unknown")
    await house.signalled(contact, {"p1": "Connected"}, {"p1": "billing"})
    await house.at_rest()
