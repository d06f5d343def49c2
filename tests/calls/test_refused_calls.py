# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that are not taken: each reason has its answer and its metric, and none reaches a voice agent."""

from __future__ import annotations

import pytest

from agent.simulators.messages import WireMessage, read
from tests.calls.harness.house import CONTACT_HEADER, House, identity, new_contact
from tests.calls.harness.messages import once
from tests.calls.harness.plan import CARE, DIGEST, SECRETS, SMALL, STRANGER, STRICT, TOKEN
from tests.calls.harness.sip_socket import SipSocket, offer, request
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

GOOD = "4711000"
REFUSALS = {
    "a number in no map": (identity(GOOD), "9990000000", 404, "unknown_number"),
    "a number that is no number": (identity(GOOD), "bob", 404, "unknown_number"),
    "no contact id": (identity(None), CARE, 400, "missing_contact_id"),
    "a blank contact id": (
        identity(None, TOKEN, f"{CONTACT_HEADER}:   ", "X-Last: 1"),
        CARE,
        400,
        "missing_contact_id",
    ),
    "a contact id with letters": (identity("12ab34"), CARE, 400, "bad_contact_id"),
    "a contact id of 20 digits": (identity("1" * 20), CARE, 400, "bad_contact_id"),
    "a negative contact id": (identity("-5"), CARE, 400, "bad_contact_id"),
    "a contact id in other digits": (identity("\u0661\u0662"), CARE, 400, "bad_contact_id"),
    "a contact id with a path": (identity("12/../34"), CARE, 400, "bad_contact_id"),
    "two contact ids": (identity("11", TOKEN, f"{CONTACT_HEADER}: 22"), CARE, 400, "bad_contact_id"),
    "a wrong token": (identity(GOOD, "let-me-out"), CARE, 403, "bad_token"),
    "no token": (identity(GOOD, None), CARE, 403, "bad_token"),
    "the token of another project": (identity(GOOD, "sandbox-token"), CARE, 403, "bad_token"),
    "a token of other case": (identity(GOOD, TOKEN.upper()), CARE, 403, "bad_token"),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_call_is_refused_for(house: House, case: str) -> None:
    headers, number, code, result = REFUSALS[case]
    since = house.watch()
    async with (
        house.voice_agent(calls=0) as bot,
        house.caller("refused", headers=headers, number=number) as caller,
    ):
        await caller.succeeds()
    finals = [message for message in once(caller.messages()) if (message.status or 0) >= 200]
    assert [message.status for message in finals] == [code]
    if code == 400:
        assert CONTACT_HEADER in finals[0].header("Warning"), "the Warning names the header"
    assert not bot.messages(), "a refused call reaches no voice agent"
    assert since.moved("handoff_invites_total", result=result) == 1
    assert since.moved("handoff_invites_total") == 1
    assert house.records.call(caller.call_id) is None, "a refused call is no call"
    await house.at_rest()


async def test_no_common_codec_is_488(house: House) -> None:
    since = house.watch()
    async with house.caller("no_common_codec") as caller:
        await caller.succeeds()
    assert since.moved("handoff_invites_total", result="no_codec") == 1


async def test_no_hops_left_is_483(house: House) -> None:
    async with house.caller("no_hops_left") as caller:
        await caller.succeeds()
    await house.at_rest()


async def test_a_stranger_hears_nothing(house: House) -> None:
    since = house.watch()
    async with SipSocket(house.plan.sip, STRANGER) as stranger, SipSocket(house.plan.sip) as friend:
        uri = f"sip:{CARE}@127.0.0.1:{house.plan.sip}"
        lines = tuple(identity(new_contact()).split("\r\n"))
        for method in ("INVITE", "OPTIONS", "REGISTER", "BYE"):
            stranger.send(request(method, uri, stranger, headers=lines, body=offer(4000)))
        stranger.send(b"\x00\x01nonsense\r\n\r\n")
        friend.send(request("OPTIONS", uri, friend))
        await eventually_one(friend)
        assert not stranger.got
    assert since.moved("handoff_invites_total", result="unknown_source") == 1


async def eventually_one(wire: SipSocket) -> None:
    """Wait for an answer: whatever was sent before by another socket has been looked at by then."""
    await eventually(lambda: wire.got, what="an answer")


async def test_digest_admits_who_knows_the_password(house: House) -> None:
    since = house.watch()
    asked = f"{CARE}@127.0.0.1:{house.plan.sip}"  # SIPp by itself leaves the user out: good for nothing
    login = ("-au", "carrier", "-ap", SECRETS["DIGEST_PASSWORD"], "-auth_uri", asked)
    async with (
        house.voice_agent() as bot,
        house.caller("digest", address=DIGEST, talk=50, options=login) as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
    assert caller.received("401 INVITE")[0].header("WWW-Authenticate").startswith("Digest")
    assert not bot.received("INVITE")[0].all("Authorization")
    assert since.moved("handoff_invites_total", result="answered") == 1


async def test_digest_refuses_who_does_not(house: House) -> None:
    since = house.watch()
    async with house.caller("refused", address=DIGEST) as caller:
        await caller.succeeds()
    assert caller.received("401 INVITE")
    assert since.moved("handoff_invites_total", result="unauthorized") == 1


async def test_a_full_project_is_503_with_retry_after_and_takes_calls_again(house: House) -> None:
    since = house.watch()
    async with house.voice_agent(calls=2) as bot, house.caller("on_cue", number=SMALL) as first:
        await first.saw("200 INVITE")
        async with house.caller("refused", number=SMALL) as second:
            await second.succeeds()
        assert int(second.received("503 INVITE")[0].header("Retry-After")) > 0
        first.cue()
        await first.succeeds()
        await house.at_rest()
        async with house.caller("basic_call", number=SMALL, talk=50) as third:
            await third.succeeds()
        await bot.succeeds()
    assert since.moved("handoff_invites_total", result="over_limit") == 1
    assert since.moved("handoff_invites_total", result="answered") == 2


async def test_a_second_call_of_a_contact_is_refused_where_the_carrier_says_so(house: House) -> None:
    contact = new_contact()
    async with (
        house.voice_agent() as bot,
        house.caller("on_cue", contact, address=STRICT) as first,
    ):
        await first.saw("200 INVITE")
        async with house.caller("refused", contact, address=STRICT) as second:
            await second.succeeds()
        assert second.received("486 INVITE")
        first.cue()
        await first.succeeds()
        await bot.succeeds()


async def invited(house: House, contact: str, *more: str, body: str = "") -> WireMessage:
    """Send an INVITE of this contact with these headers; gives its final answer."""
    async with SipSocket(house.plan.sip) as wire:
        wire.acknowledges = True
        uri, lines = f"sip:{CARE}@127.0.0.1:{house.plan.sip}", identity(contact).split("\r\n")
        wire.send(request("INVITE", uri, wire, headers=(*lines, *more), body=body or offer(4000)))
        await eventually(lambda: max(wire.statuses(), default=0) >= 200, what="a final answer")
        return read(wire.got[-1])


USELESS = {
    "more streams than there is room for": (offer(4000) + "m=video 0 RTP/AVP 31\r\n" * 8, ""),
    "an address of the other family": (offer(4000).replace("c=IN IP4 127.0.0.1", "c=IN IP6 ::1"), "301"),
    "no address": (offer(4000).replace("c=IN IP4 127.0.0.1", "c=IN IP4 300.1.1.1"), "301"),
}


@pytest.mark.parametrize(("body", "warning"), USELESS.values(), ids=USELESS)
async def test_an_offer_that_none_can_take_is_refused_before_anybody_is_called(
    house: House, body: str, warning: str
) -> None:
    contact, since = new_contact(), house.watch()
    answer = await invited(house, contact, body=body)
    assert answer.status == 488
    assert answer.first("Warning").startswith(warning)
    assert since.moved("handoff_invites_total", result="bad_offer") == 1
    assert not house.cxone.signals(contact)
    await house.at_rest()


UNSOUND = {
    "a second Contact": "Contact: <sip:other@127.0.0.1>",
    "a second Content-Type": "c: text/plain",
    "a second From": "f: <sip:other@127.0.0.1>;tag=1",
    "a second Max-Forwards": "Max-Forwards: 1",
}


@pytest.mark.parametrize("case", UNSOUND)
async def test_an_invite_that_leaves_open_what_is_meant_is_refused_with(house: House, case: str) -> None:
    contact, since = new_contact(), house.watch()
    assert (await invited(house, contact, UNSOUND[case])).status == 400
    assert since.moved("handoff_invites_total", result="malformed") == 1
    assert not house.cxone.signals(contact)
    await house.at_rest()
