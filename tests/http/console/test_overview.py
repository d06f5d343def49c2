# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""The overview: what is wrong first, then the node."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from agent.http.console.troubles import troubles
from agent.http.overview import Overview, ProjectSight, TargetSight
from agent.http.ports import ReloadAnswer
from agent.telemetry.pulse import Beat

WELL = Overview("edge-1", "ready", ready=True, reason="ready", limit=1000)


async def test_a_node_that_is_well_says_so(console: Any) -> None:
    text = await console.page("/")
    assert "Nothing is wrong" in text
    assert "What is wrong" not in text
    for path in ("/metrics", "/healthz", "/console/signals", "/console/configuration"):
        assert f'href="{path}"' in text
    assert 'href="/" aria-current="page"' in text


async def test_it_shows_projects_with_what_became_of_their_calls(console: Any, desk: Any) -> None:
    desk.seen = replace(
        WELL,
        calls=3,
        beats=[Beat(time.time() - 20, 1, 0.5), Beat(time.time() - 10, 2, 1.5)],
        projects=[
            ProjectSight("acme-care", 3, 40, 7, {"over_limit": 2}, {"accepted": 9, "unknown": 1}),
            ProjectSight("old", in_force=False),
        ],
        unplaced={"unknown_source": 12},
    )
    text = await console.page("/")
    for shown in (
        "acme-care",
        "over limit 2",
        "accepted 9",
        "gone from the configuration",
        "unknown source 12",
    ):
        assert shown in text
    assert "Calls up in the last hour: 3 now, at most 3" in text
    assert "<polyline" in text


async def test_of_many_projects_the_busiest_are_shown(console: Any, desk: Any) -> None:
    desk.seen = replace(WELL, projects=[ProjectSight(f"p-{number}") for number in range(500)])
    text = await console.page("/")
    assert text.count("p-4") < 100
    assert "400 more have less traffic" in text


async def test_of_many_troubles_the_gravest_are_shown(console: Any, desk: Any) -> None:
    targets = [TargetSight(f"p-{number}", "sip:a", up=False) for number in range(50)]
    desk.seen = replace(WELL, targets=targets, dropped=1)
    text = await console.page("/")
    assert text.count("No voice agent of") == 20
    assert "31 more are not shown" in text


async def test_names_are_text_and_never_markup(console: Any, desk: Any) -> None:
    desk.seen = replace(WELL, reason="<script>alert(1)</script>")
    assert "<script>alert" not in await console.page("/")


@pytest.mark.parametrize(
    ("seen", "kind", "said", "helps"),
    [
        (replace(WELL, state="draining", reason="draining"), "warn", "takes no new calls", "/#draining"),
        (
            replace(WELL, state="full", ready=False, reason="9 of 9"),
            "bad",
            "full: 9 of 9",
            "/console/configuration",
        ),
        (
            replace(WELL, state="faulty", ready=False, reason="disk"),
            "bad",
            "refused: disk",
            "handoff-agent doctor",
        ),
        (replace(WELL, state="degraded", reason="errors"), "warn", "degraded: errors", ""),
        (
            replace(
                WELL, targets=[TargetSight("care", "sip:a", up=False), TargetSight("care", "sip:b", up=False)]
            ),
            "bad",
            "No voice agent of care answers its probes: sip:a, sip:b",
            "handoff-agent doctor --project care",
        ),
        (
            replace(
                WELL, targets=[TargetSight("care", "sip:a", up=False), TargetSight("care", "sip:b", up=None)]
            ),
            "warn",
            "1 of 2 voice agents of care",
            "handoff-agent doctor --project care",
        ),
        (
            replace(WELL, projects=[ProjectSight("care", signals={"unknown": 3})]),
            "warn",
            "Of 3 signals",
            "/console/signals?state=unknown",
        ),
        (
            replace(
                WELL,
                projects=[
                    ProjectSight("care", signals={"accepted": 9, "bad_request": 2, "unknown_contact": 4}),
                    ProjectSight("sales", signals={"expired": 1, "cancelled": 1}),
                ],
            ),
            "warn",
            "3 signals since the start did not get through",
            "/console/signals?state=refused",
        ),
        (replace(WELL, owed=2), "bad", "2 moments of calls wait in memory", ""),
        (replace(WELL, restart=["sip.listen"]), "warn", "next start: sip.listen", "/console/configuration"),
        (replace(WELL, dropped=7), "warn", "7 lines of the log were lost", ""),
    ],
)
def test_what_is_wrong_is_said_with_what_helps(seen: Overview, kind: str, said: str, helps: str) -> None:
    (found,) = troubles(seen, [], None)
    assert found.kind == kind
    assert said in found.text
    assert helps in (found.page, found.command)


def test_alarms_and_a_refused_edit_are_among_it_and_the_gravest_comes_first() -> None:
    alarms = [
        {"certificate": "sip.tls", "error": "certificate_expires", "text": "ends soon", "since": 1.0},
        {"project": "care", "error": "credential", "text": "the key is refused", "since": 1.0},
    ]
    found = troubles(WELL, alarms, ReloadAnswer("refused", mistakes=("a:1:1: wrong", "b:2:1: wrong")))
    assert [trouble.kind for trouble in found] == ["bad", "warn", "warn"]
    assert "Signals of care do not get through: the key is refused" in found[0].text
    assert found[0].page == "/console/signals?project=care"
    assert "refused for 2 mistakes" in found[2].text


async def test_an_operator_drains_the_node_and_takes_that_back(console: Any, desk: Any) -> None:
    assert (await console.send("/", "/console/drain", why="new version"))[:2] == (303, "/")
    assert desk.drained
    assert (await console.send("/", "/console/end-drain", why="done"))[0] == 303
    assert not desk.drained
    desk.ending = True
    status, _, text = await console.send("/", "/console/end-drain", why="done")
    assert (status, "taken back" in text) == (409, True)
    newest = [(deed.who, deed.action, deed.why) for deed in console.audit.newest()]
    assert newest[1:] == [("ana", "end_drain", "done"), ("ana", "drain", "new version")]
