# SPDX-License-Identifier: GPL-3.0-or-later
"""Any node shows the calls of all, and ends and explains those of others; a node that is silent is named."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.plan import CARE, SECRETS, Plan
from tests.calls.harness.waiting import eventually
from tests.faults.harness.nodes import fleet, operations
from tests.faults.harness.shared_record import breaches, settled

pytestmark = [pytest.mark.calls, pytest.mark.slow]

VIEWER = {"Authorization": f"Bearer {SECRETS['VIEWER_TOKEN']}"}
OPERATOR = {"Authorization": f"Bearer {SECRETS['OPERATOR_TOKEN']}"}


def guarded(_node: str, plan: Plan) -> None:
    """Who asks operations must log in."""
    plan.agent["http"]["operations_auth"] = {
        "tokens": [
            {"name": "vera", "token": "${env:VIEWER_TOKEN}"},
            {"name": "olaf", "role": "operator", "token": "${env:OPERATOR_TOKEN}"},
        ]
    }


async def test_any_node_lists_ends_and_explains_the_calls_of_all(
    cxone: Cxone, tmp_path: Path, database: str
) -> None:
    async with fleet(cxone, tmp_path, database, 2, guarded) as (one, two):
        (mine,), (theirs,) = await one.up(1), await two.up(1)
        ids = {mine.agent_call_id, theirs.agent_call_id}
        for at in (one, two):
            told = (await operations(at, "GET", "/calls", **VIEWER)).json
            assert {call["call_id"]: call["node"] for call in told["calls"]} == {
                mine.agent_call_id: "edge-1",
                theirs.agent_call_id: "edge-2",
            }
            assert "missing" not in told
            page = await operations(at, "GET", "/console/calls", Accept="text/html", **VIEWER)
            assert all(call_id in page.text for call_id in ids)
            other = "edge-2" if at is one else "edge-1"
            assert f"on {other}" in page.text
        path = f"/calls/{theirs.agent_call_id}"
        (of_two,) = (await operations(one, "GET", f"/calls?call={theirs.agent_call_id}", **VIEWER)).json[
            "calls"
        ]
        assert (of_two["node"], of_two["live"]) == ("edge-2", True)
        clear, masked = [
            (await operations(one, "GET", f"{path}/story?numbers=shown", **asker)).text
            for asker in (OPERATOR, VIEWER)
        ]
        assert CARE in clear
        assert CARE not in masked
        about = await operations(one, "GET", f"/console{path}", Accept="text/html", **VIEWER)
        assert f"http://127.0.0.1:{two.house.plan.operations}/console{path}" in about.text
        assert (await operations(one, "DELETE", path, **VIEWER)).status == 403

        ended = await operations(one, "DELETE", f"{path}?why=test", **OPERATOR)
        assert (ended.status, ended.json["ending"]) == (202, True)
        await eventually(lambda: theirs.over, what="the other node's call is over")
        one.crowd.hang_up(mine)
        found = await settled(database)
        assert not breaches(found, cxone, one, two)
        log = two.house.agent.log

        def deeds() -> list[tuple[str, str]]:
            lines = [json.loads(line) for line in log.read_text().splitlines() if '"part": "audit"' in line]
            return [(line["action"], line["who"]) for line in lines if line.get("action") == "hang_up"]

        assert await eventually(deeds, what="the deed is in the log") == [
            ("hang_up", "node edge-1 for olaf (test)")
        ]
        assert all(secret not in log.read_text() for secret in (SECRETS["FLEET_TOKEN"], "Bearer"))
        await one.stop()
        await two.stop()


async def test_a_node_that_is_silent_is_named_and_the_list_does_not_wait_for_it(
    cxone: Cxone, tmp_path: Path, database: str
) -> None:
    async with fleet(cxone, tmp_path, database) as (one, two):
        (call,) = await two.up(1)
        one.house.agent.send(signal.SIGSTOP)
        told = (await operations(two, "GET", "/calls")).json
        assert [each["call_id"] for each in told["calls"]] == [call.agent_call_id]
        assert told["missing"].startswith("calls that are up on edge-1 may be missing: no answer within 1 s")
        page = await operations(two, "GET", "/console/calls", Accept="text/html")
        assert "calls that are up on edge-1 may be missing" in page.text
        one.house.agent.send(signal.SIGCONT)

        async def whole() -> bool:
            return "missing" not in (await operations(two, "GET", "/calls")).json

        await eventually(whole, 40, "it answers again")
        two.crowd.hang_up(call)
        await settled(database)
        await one.stop()
        await two.stop()
