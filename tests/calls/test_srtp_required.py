# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that requires SRTP (RFC 4568): what is not encrypted is no call, from either side."""

from __future__ import annotations

import base64
import re

import pytest

from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import FAILOVER, VOICE_AGENT, Change, Plan
from tests.calls.harness.sip_socket import SipSocket, offer
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

CONNECTED, END = {"p1": "Connected"}, {"p1": "End"}
ESCALATE = {"p1": "Escalate", "p3": "no_agent"}
KEY = base64.b64encode(bytes(range(30))).decode()


@pytest.fixture(scope="module")
def change() -> Change:
    """Encrypted audio only; time enough for a busy machine."""

    def require(plan: Plan) -> None:
        plan.agent["media"]["srtp"] = "required"
        plan.agent["limits"]["ring"] = "20s"

    return require


def encrypted(port: int, offered: str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80") -> str:
    """An offer of G.711 over SRTP; or the answer to what was `offered`, under the number of that line."""
    found = re.search(r"a=crypto:\d+ AES_CM_128_HMAC_SHA1_80\b", offered)
    assert found is not None, offered
    plain = offer(port).replace("RTP/AVP", "RTP/SAVP")
    return f"{plain}{found[0]} inline:{KEY}\r\n"


def caller_on(house: House, wire: SipSocket, contact: str) -> HandCaller:
    """A caller of the project with two targets."""
    uri = f"sip:{FAILOVER}@127.0.0.1:{house.plan.sip}"
    caller = HandCaller(wire, uri, tuple(identity(contact).split("\r\n")), 4000)
    wire.on_request = caller.takes
    return caller


async def answered_in_plain_rtp(bot: HandVoiceAgent) -> None:
    """The voice agent answers our offer of SRTP with plain RTP, and is let go as it must be."""
    invite = await bot.asked("INVITE")
    assert " RTP/SAVP " in invite.body
    assert "a=crypto:" in invite.body
    bot.answer(invite, 200)
    await bot.asked("BYE")
    order = [one.method for one in bot.all() if one.method in ("ACK", "BYE")]
    assert order == ["ACK", "BYE"]


async def test_plain_rtp_of_a_voice_agent_is_no_answer_and_the_next_target_is_called(house: House) -> None:
    contact = new_contact()
    since = house.watch()
    async with (
        SipSocket(house.plan.sip) as near,
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as one,
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.second) as two,
    ):
        caller, second = caller_on(house, near, contact), HandVoiceAgent(two, 4004, contact)
        caller.invite(body=encrypted(4000))
        await answered_in_plain_rtp(HandVoiceAgent(one, 4002, contact))
        invite = await second.asked("INVITE")
        assert not caller.answers("INVITE", 200), "nobody has answered yet"
        second.answer(invite, 200, body=encrypted(4004, invite.body))
        await second.asked("ACK")
        await caller.answered("INVITE", 200)
        (answer,) = caller.answers("INVITE", 200)
        assert " RTP/SAVP " in answer.body
        assert "a=crypto:" in answer.body
        caller.in_dialog("ACK", 1)
        second.asks("BYE", 1)
        await eventually(lambda: caller.requests("BYE"), what="the caller is let go of")
    assert since.moved("handoff_invites_total", project="acme-failover", result="answered") == 1
    row = await eventually(lambda: house.records.call(caller.call_id), what="the record")
    assert row is not None
    house.story(row["call_id"]).when("no answer: no audio can flow", "agent")
    await house.signalled(contact, CONNECTED, END)
    await house.at_rest()


async def test_nobody_answered_where_every_voice_agent_answers_in_plain_rtp(house: House) -> None:
    contact = new_contact()
    async with (
        SipSocket(house.plan.sip) as near,
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as one,
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.second) as two,
    ):
        caller = caller_on(house, near, contact)
        caller.invite(body=encrypted(4000))
        await answered_in_plain_rtp(HandVoiceAgent(one, 4002, contact))
        await answered_in_plain_rtp(HandVoiceAgent(two, 4004, contact))
        await caller.answered("INVITE", 480)
        assert not caller.answers("INVITE", 200)
    await house.signalled(contact, CONNECTED, ESCALATE)
    await house.at_rest()


async def test_a_caller_who_offers_plain_rtp_is_refused_and_no_voice_agent_is_called(house: House) -> None:
    contact = new_contact()
    async with (
        SipSocket(house.plan.sip) as near,
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as one,
    ):
        caller = caller_on(house, near, contact)
        caller.invite()
        await caller.answered("INVITE", 488)
        assert not HandVoiceAgent(one, 4002, contact).all()
    assert house.cxone.accepted(contact) == []
    await house.at_rest()
