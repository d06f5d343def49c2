# SPDX-License-Identifier: GPL-3.0-or-later
"""More calls in a second than the node takes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House, identity
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import Plan
from tests.calls.harness.sip_socket import SipSocket, offer, request
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls


async def test_calls_beyond_the_rate_are_told_when_to_try_again(cxone: Cxone, tmp_path: Path) -> None:
    plan = Plan(cxone.port)
    plan.agent["limits"]["calls_per_second"] = 2
    house = House(plan, cxone, tmp_path)
    house.start()
    lines = tuple(identity("4711").split("\r\n"))
    try:
        async with SipSocket(plan.sip) as carrier:
            carrier.acknowledges = True
            for _ in range(10):
                uri = f"sip:9990000000@127.0.0.1:{plan.sip}"
                carrier.send(request("INVITE", uri, carrier, headers=lines, body=offer(4000)))
            await eventually(lambda: len(_finals(carrier, b"404", b"503")) == 10, what="ten answers")
            refused = _finals(carrier, b"503")
        assert 0 < len(refused) <= 8
        assert all(b"\r\nRetry-After: 1\r\n" in answer for answer in refused)
        assert total(house.metrics(), "handoff_invites_total", result="over_limit") == len(refused)
    finally:
        house.agent.kill()


def _finals(wire: SipSocket, *codes: bytes) -> set[bytes]:
    """The answers of these codes, repetitions left out."""
    return {answer for answer in wire.got if answer[8:11] in codes}
