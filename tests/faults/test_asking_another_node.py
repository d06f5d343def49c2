# SPDX-License-Identifier: GPL-3.0-or-later
"""Any node answers for any call: it is handed off once, or the voice agent is told to ask again."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import Plan
from tests.calls.harness.waiting import eventually
from tests.faults.harness.nodes import api, fleet, hand_off
from tests.faults.harness.shared_record import breaches, settled

pytestmark = [pytest.mark.calls, pytest.mark.slow]


async def test_a_handoff_that_is_asked_of_another_node_is_made_once_by_the_one_that_has_the_call(
    cxone: Cxone, tmp_path: Path, database: str
) -> None:
    async with fleet(cxone, tmp_path, database) as (one, two):
        by_call, by_contact = await one.up(2)
        taken = await hand_off(two, by_call)
        assert (taken.status, set(taken.json)) == (202, {"id", "state", "caller"})
        again = await hand_off(two, by_call)
        assert (again.status, again.json["id"]) == (409, taken.json["id"])
        said = {"contact_id": by_contact.contact_id, "destination": "billing"}
        assert (await api(two, "POST", "/handoffs?wait=5", said)).status == 202
        for at in (one, two):
            seen = await api(at, "GET", f"/handoffs/{taken.json['id']}")
            assert (seen.status, seen.json["call_id"]) == (200, by_call.agent_call_id)
        found = await settled(database)
        assert [row["end"] for row in found.calls] == ["handoff"] * 2
        assert not breaches(found, cxone, one, two)
        asked = total(two.house.metrics(), "handoff_node_requests_total", listener="api", outcome="answered")
        assert asked == 3
        nobody = await api(two, "POST", "/handoffs", {"call_id": "none"})
        assert nobody.status == 404
        await one.stop()
        await two.stop()


async def test_a_node_that_is_silent_is_told_in_time_and_makes_the_handoff_once_when_it_wakes(
    cxone: Cxone, tmp_path: Path, database: str
) -> None:
    async with fleet(cxone, tmp_path, database) as (one, two):
        (call,) = await one.up(1)
        one.house.agent.send(signal.SIGSTOP)
        silent = await hand_off(two, call)
        one.house.agent.send(signal.SIGCONT)
        assert (silent.status, silent.headers["retry-after"]) == (503, "2")
        assert "edge-1 has this call and gave no answer within 5 s" in silent.json["error_message"]

        async def decided() -> bool:
            return (await hand_off(two, call)).status in (202, 409)

        await eventually(decided, 40, "asked again until the answer is known")
        found = await settled(database)
        # On a slow machine its lease may have run out meanwhile: then its neighbour told the script.
        assert [row["moment"] for row in found.signals if row["moment"] != "arrival"] in (
            ["handoff"],
            ["failed"],
        )
        assert not breaches(found, cxone, one, two)
        await one.stop()
        await two.stop()


async def test_of_a_node_that_died_one_hears_so_until_its_call_is_taken_over(
    cxone: Cxone, tmp_path: Path, database: str
) -> None:
    async with fleet(cxone, tmp_path, database) as (one, two):
        (call,) = await one.up(1)
        await one.kill()
        dead = await hand_off(two, call)
        assert (dead.status, dead.headers["retry-after"]) == (503, "2")
        assert "edge-1 has this call and was not reached" in dead.json["error_message"]
        found = await settled(database)
        assert [row["end"] for row in found.calls] == ["failed"]
        over = await hand_off(two, call)
        assert (over.status, over.json["error_message"]) == (
            409,
            "the call's terminal moment came before: failed",
        )
        assert not breaches(found, cxone, one, two)
        await two.stop()


async def test_a_node_that_drains_still_answers_for_its_calls(
    cxone: Cxone, tmp_path: Path, database: str
) -> None:
    async with fleet(cxone, tmp_path, database) as (one, two):
        (call,) = await one.up(1)
        await one.drain()
        assert (await hand_off(two, call)).status == 202
        found = await settled(database)
        assert [row["end"] for row in found.calls] == ["handoff"]
        assert not breaches(found, cxone, one, two)
        await two.stop()


async def test_a_node_with_another_token_and_one_whose_place_is_not_named_are_told_as_such(
    cxone: Cxone, tmp_path: Path, database: str
) -> None:
    def change(node: str, plan: Plan) -> None:
        if node == "edge-2":
            plan.agent["fleet"] = {**plan.agent["fleet"], "token": "${env:OTHER_TOKEN}"}
        if node == "edge-3":
            plan.agent["fleet"] = {"nodes": [{"name": "edge-1", "sip": "sip:127.0.0.1:5060"}]}

    async with fleet(cxone, tmp_path, database, 3, change) as (one, two, three):
        (call,) = await one.up(1)
        wrong, nowhere = await hand_off(two, call), await hand_off(three, call)
        assert (wrong.status, nowhere.status) == (503, 503)
        assert "edge-1 has this call and does not know this node's fleet.token" in wrong.json["error_message"]
        assert "does not say where its api is" in nowhere.json["error_message"]
        stranger = await api(one, "GET", "/handoffs/any", **{"X-Handoff-Node": "edge-2"})
        assert stranger.status == 401
        assert (await hand_off(one, call)).status == 202
        found = await settled(database)
        assert not breaches(found, cxone, one, two, three)
        for at in (one, two, three):
            await at.stop()
