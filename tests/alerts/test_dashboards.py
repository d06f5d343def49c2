# SPDX-License-Identifier: GPL-3.0-or-later
"""Grafana's dashboards: as make.py writes them; each query gives something of a real agent with calls."""

from __future__ import annotations

import asyncio
import json
import re
import runpy
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from agent.telemetry.metrics import Metrics
from tests.alerts.harness.prometheus import RULES
from tests.alerts.harness.scene import scene
from tests.calls.harness.cxone import Cxone
from tests.calls.harness.plan import VOICE_AGENT, Plan
from tests.calls.harness.ports import free_port
from tests.calls.harness.sip_socket import offer
from tests.calls.harness.waiting import eventually
from tests.faults.harness import crowd
from tests.faults.harness.crowd import Way

FOLDER = Path(__file__).parents[2] / "deploy/grafana"
MADE = runpy.run_path(str(FOLDER / "make.py"))
NAMES = sorted(MADE["DASHBOARDS"])
GONE = "9995550373"
VALUES = {"$__rate_interval": "5s", "$instance": ".*", "$project": "acme-.*"}


def read(name: str) -> dict[str, Any]:
    """A dashboard."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def queries(name: str) -> list[tuple[str, str, str]]:
    """Title of the panel, expression and legend of each query of a dashboard."""
    return [
        (panel["title"], target["expr"], target["legendFormat"])
        for panel in read(name)["panels"]
        for target in panel.get("targets", ())
    ]


def test_there_is_a_file_for_each_dashboard_and_no_other() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_what_the_script_writes(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == MADE["text"](name), "run deploy/grafana/make.py"


@pytest.mark.parametrize("name", NAMES)
def test_panels_say_what_they_show_and_do_not_lie_on_each_other(name: str) -> None:
    panels = read(name)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"]
        assert panel["type"] == "text" or (panel["description"] and panel["fieldConfig"]["defaults"]["unit"])
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above


@pytest.mark.parametrize("name", NAMES)
def test_the_data_source_is_chosen_and_each_variable_that_is_used_is_there(name: str) -> None:
    text, board = (FOLDER / f"{name}.json").read_text(), read(name)
    there = {variable["name"] for variable in board["templating"]["list"]}
    assert "datasource" in there
    used = set(re.findall(r"\$\{?([a-z]\w*)\}?", text))
    assert used <= there
    sources = [
        target["datasource"]["uid"] for panel in board["panels"] for target in panel.get("targets", ())
    ]
    assert set(sources) == {"${datasource}"}


def test_queries_name_only_metrics_that_there_are() -> None:
    there = set(re.findall(r"^# TYPE (\w+)", Metrics().render()[0].decode(), re.MULTILINE))
    recorded = set(re.findall(r"record: (\S+)", (RULES / "recording.yaml").read_text()))
    for name in NAMES:
        for _, expression, _ in queries(name):
            named = set(re.findall(r"\b(?:handoff|process)[_:][\w:]+", expression))
            assert {each.removesuffix("_bucket") for each in named} <= there | recorded


@pytest.mark.calls
@pytest.mark.slow
async def test_every_query_gives_something_once_calls_were_made(
    cxone: Cxone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "idle_audio", offer)

    def change(plan: Plan) -> None:
        plan.projects["acme-care"]["limits"] = {"calls": 50}
        gone = plan.add("acme-gone", GONE)
        target = {"uri": f"sip:bot@{VOICE_AGENT}:{free_port()}"}
        gone["voice_agent"] = {
            **gone["voice_agent"],
            "targets": [target],
            "probe": {"every": "200ms", "fail": 2},
        }

    async with scene(cxone, tmp_path, change) as here:
        at, missing = here.at, {(name, *query) for name in NAMES for query in queries(name)}
        await here.fire("HandoffTargetDown")
        await at.calls(2, Way.STAYS)

        async def round_of_calls() -> bool:
            """More calls: a rate gives something once its counter was seen twice."""
            for way in (Way.COMPLETED, Way.HANDOFF, Way.HUNG_UP, Way.NO_AGENT):
                await at.calls(2, way)
            await at.went_their_way()
            missing.difference_update(await asyncio.to_thread(answered))
            return not missing

        def answered() -> set[tuple[str, str, str, str]]:
            """Those that give series with all the labels of their legends."""
            found = set()
            for each in missing:
                series = here.prometheus.query(with_values(each[2]))
                labels = set().union(*(one["metric"] for one in series)) if series else set()
                if series and set(re.findall(r"{{(\w+)}}", each[3])) <= labels:
                    found.add(each)
            return found

        try:
            await eventually(round_of_calls, 60)
        except AssertionError:
            raise AssertionError("give nothing:\n" + "\n".join(map(str, sorted(missing)))) from None
        for call in at.crowd.calls:
            at.crowd.hang_up(call)
        await at.settled()
        await at.stop()


def with_values(expression: str) -> str:
    """A query as Grafana would send it."""
    for name, value in VALUES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression
