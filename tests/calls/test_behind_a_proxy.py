# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy of ours in front of the agent: calls are judged by where the proxy has them from."""

from __future__ import annotations

import pytest

from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import CARE, LENIENT, TOKEN, Change, Plan
from tests.calls.harness.sip_socket import SipSocket, offer, request
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

PROXY = "127.0.0.98"
FROM_LENIENT = f"X-Handoff-Source: {LENIENT}"
"""A carrier whose calls may come without a contact id."""


@pytest.fixture(scope="module")
def change() -> Change:
    """The proxy is trusted."""

    def trust(plan: Plan) -> None:
        plan.agent["sip"]["trusted_proxies"] = [PROXY]

    return trust


async def test_the_carrier_is_that_of_the_source_which_the_proxy_names(house: House) -> None:
    headers = identity(None, TOKEN, FROM_LENIENT)
    async with (
        house.voice_agent() as bot,
        house.caller("basic_call", headers=headers, address=PROXY, talk=50) as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
    row = await house.ended(caller, "caller", "caller_hung_up")
    assert row["carrier"] == "lenient"
    await house.at_rest()


@pytest.mark.parametrize("more", [(), ("X-Handoff-Source: 192.0.2.1",), ("X-Handoff-Source: edge",)])
async def test_a_proxy_that_names_no_carriers_source_brings_no_call(
    house: House, more: tuple[str, ...]
) -> None:
    since = house.watch()
    lines = tuple(identity(new_contact(), TOKEN, *more).split("\r\n"))
    async with SipSocket(house.plan.sip, PROXY) as proxy:
        proxy.acknowledges = True
        uri = f"sip:{CARE}@127.0.0.1:{house.plan.sip}"
        proxy.send(request("INVITE", uri, proxy, headers=lines, body=offer(4000)))
        await eventually(lambda: any(answer[8:11] == b"403" for answer in proxy.got), what="a 403")
    await eventually(
        lambda: since.moved("handoff_invites_total", result="unknown_source") == 1, what="it is counted"
    )
    assert house.agent.running


async def test_nobody_else_is_believed(house: House) -> None:
    since = house.watch()
    async with house.caller("refused", headers=identity(None, TOKEN, FROM_LENIENT)) as caller:
        await caller.succeeds()
    await eventually(
        lambda: since.moved("handoff_invites_total", result="missing_contact_id") == 1,
        what="it is of the carrier that it came from",
    )
