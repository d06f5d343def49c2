# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of reloads is still known after a restart, and after a process that was killed."""

from __future__ import annotations

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House
from tests.calls.harness.plan import Plan
from tests.calls.harness.records import Row
from tests.calls.harness.waiting import eventually_now

pytestmark = pytest.mark.calls


def reloads(house: House) -> list[Row]:
    """What the agent says, newest first."""
    rows: list[Row] = house.operations("GET", "/reloads").json["reloads"]
    return rows


def edit(house: House, number: str, project: str) -> int:
    """Add a number to the map and reload with a reason; gives HTTP's word for what came of it."""
    house.plan.numbers[number] = project
    house.plan.write(house.config)
    return house.operations("POST", "/reload?why=a+new+list", {}).status


def test_a_restart_and_a_killed_process_hide_no_reload(
    cxone: Cxone, tmp_path_factory: pytest.TempPathFactory
) -> None:
    house = House(Plan(cxone.port), cxone, tmp_path_factory.mktemp("house"))
    history = house.folder / "agent.db.audit.reloads.jsonl"
    house.start(180)
    try:
        assert edit(house, "9995550391", "acme-care") == 200
        assert edit(house, "9995550392", "acme-cara") == 422
        del house.plan.numbers["9995550392"]
        house.plan.write(house.config)
        house.agent.stop()
        house.start(180)
        assert edit(house, "9995550393", "acme-care") == 200
        eventually_now(lambda: history.read_text().count("a new list") == 3, what="all are in the file")
        house.agent.kill()
        house.start(180)
        found = reloads(house)
        page = house.operations("GET", "/console/numbers").text
    finally:
        house.close()
    # The agent may have seen an edit by itself before it was told; the order of what was asked stays.
    asked = [(one["how"], one["result"]) for one in found if one["how"] != "file"]
    assert asked[0] == ("start", "started")
    assert [how for how, _ in asked].count("start") == 3
    assert ("http", "refused") in asked
    told = "\n".join(line for one in reversed(found) for line in (*one["changes"], *one["mistakes"]))
    for part in ("9995550391 appears", "did you mean 'acme-care'?", "9995550393 appears"):
        assert part in told
    assert told.index("9995550391") < told.index("acme-cara") < told.index("9995550393")
    assert {one["why"] for one in found if one["how"] == "http"} == {"a new list"}
    assert str(history) in page
    assert page.count("a new list") == 3
