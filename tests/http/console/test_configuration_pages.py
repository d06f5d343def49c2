# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""The configuration in force as pages: with places, without secrets; reloaded from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.core.frozen import FrozenDict
from agent.core.model import Agent, Written
from agent.http.console.values import Row, rows
from agent.http.ports import ReloadAnswer
from agent.settings import load

EXAMPLE = Path(__file__).parents[3] / "config"


async def test_each_value_has_its_place_and_no_secret_is_told(console: Any, desk: Any) -> None:
    desk.in_force = snapshot = load(EXAMPLE)
    text = await console.page("/console/configuration")
    lines = (EXAMPLE / "agent.yaml").read_text(encoding="utf-8").splitlines()
    line = next(number for number, one in enumerate(lines, 1) if one.startswith("node:"))
    assert f"agent.yaml:{line}" in text
    assert "default" in text
    assert "127.0.0.1:8081" in text
    assert f">{desk.fingerprint()}<" in text
    project = await console.page("/console/configuration/projects/acme-care")
    assert "${file:" in project
    assert "projects/acme-care.yaml:" in project
    assert str(EXAMPLE) in text
    for one in snapshot.projects.values():
        assert one.token is None or one.token.get_secret_value() not in text + project
    await console.page("/console/configuration/projects/none", 404)


def test_values_are_written_as_people_write_them() -> None:
    agent = Agent.model_validate({"node": "edge-1", "limits": {"ring": "500ms"}, "reload_guard": "30%"})
    found = {row.key: row for row in rows(agent, {"limits.ring": (4, ""), "storage": (2, "${env:DB}")})}
    assert found["limits.ring"] == Row("limits.ring", "500ms", 4)
    assert found["limits.duration"] == Row("limits.duration", "4h", 0)
    assert found["storage"] == Row("storage", "${env:DB}", 2)
    assert found["media.codecs"].value == "PCMU, PCMA, G722, opus"
    assert found["http.operations_auth"].value == "-"


def test_places_are_unpacked_from_few_bytes() -> None:
    written = Written("agent.yaml", "node\t1\t\nstorage\t2\t${env:DB}")
    assert written.places() == {"node": (1, ""), "storage": (2, "${env:DB}")}


async def test_a_token_is_hidden(console: Any, desk: Any) -> None:
    tokens = [{"name": "ana", "role": "operator", "token": "a-long-and-random-token"}]
    agent = Agent.model_validate({"node": "e", "http": {"operations_auth": {"tokens": tokens}}})
    desk.in_force = type(desk.in_force)(
        agent, FrozenDict({}), "drop", FrozenDict({}), desk.in_force.numbers, "0" * 64
    )
    text = await console.page("/console/configuration")
    assert "http.operations_auth.tokens.0.token" in text
    assert "a-long-and-random-token" not in text


async def test_a_reload_says_what_became_of_it(console: Any, desk: Any) -> None:
    status, _, text = await console.send("/console/configuration", "/console/configuration", why="")
    assert (status, "in force now" in text, "limits.calls 200" in text) == (200, True, True)
    assert desk.confirmed == [False]


async def test_the_mistakes_of_the_last_refused_one_stand_on_top(console: Any, desk: Any) -> None:
    mistake = "numbers/acme.yaml:3:3: unknown project 'acme-car': did you mean 'acme-care'?"
    desk.reloaded = ReloadAnswer("refused", mistakes=(mistake,))
    text = await console.page("/console/configuration")
    assert "numbers/acme.yaml:3:3" in text
    assert "The last reload:" in text
    status, _, text = await console.send("/console/configuration", "/console/configuration")
    assert (status, 'role="alert"' in text) == (200, True)
    assert console.audit.newest()[0].outcome == f"refused: {mistake}"


async def test_a_held_one_is_confirmed(console: Any, desk: Any) -> None:
    desk.reloaded = ReloadAnswer("held", mistakes=("5 of 5 rules would go",))
    text = await console.page("/console/configuration")
    assert 'name="yes"' in text
    await console.send("/console/configuration", "/console/configuration", yes="yes")
    assert desk.confirmed == [True]


async def test_what_waits_for_a_restart_is_named(console: Any, desk: Any) -> None:
    desk.waits_for_restart = ("sip.listen",)
    text = await console.page("/console/configuration")
    assert "Waits for the next start: sip.listen" in text
    assert "another value waits for the next start" in text


async def test_the_audit_page_tells_who_did_it(console: Any) -> None:
    assert "Nobody has changed anything" in await console.page("/console/audit")
    await console.send("/console/configuration", "/console/configuration", why="a new number")
    text = await console.page("/console/audit")
    for shown in ("ana", "127.0.0.1", "reload", "a new number", "loaded"):
        assert shown in text
