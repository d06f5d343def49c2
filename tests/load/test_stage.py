# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent and the simulated CXone that a load starts for itself."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from agent.load.scrape import parse
from agent.load.stage import Stage
from agent.settings import load
from tests.load.courses import plan


async def test_a_simulator_that_is_gone_costs_no_more_than_what_it_knew(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as http:
        assert await Stage(plan(), 100, tmp_path, http).nice(parse("")) is None


@pytest.mark.parametrize("profile", ["signalling", "media", "flood"])
async def test_the_configuration_that_is_made_is_valid_and_has_room(profile: str, tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as http:
        made = plan(profile)
        stage = Stage(made, 400, tmp_path, http)
        stage.configure()
        snapshot = load(tmp_path / "config")
    assert snapshot.agent.limits.calls > made.at_once
    assert snapshot.agent.limits.calls_per_second >= 400
    for path in (tmp_path / "config").rglob("*"):
        assert path.is_dir() or not path.stat().st_mode & 0o077


async def test_a_signal_that_was_withdrawn_as_its_caller_hung_up_is_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(_: Stage, path: str) -> object:
        return {"accepted": 7, "signals": 7} if path.endswith("counts") else []

    monkeypatch.setattr(Stage, "_ask", ask)
    metrics = parse(
        'handoff_invites_total{project="load",result="answered"} 10\n'
        'handoff_calls_total{project="load",end="caller"} 10\n'
        'handoff_signals_total{project="load",moment="arrival",outcome="accepted"} 7\n'
        'handoff_signals_total{project="load",moment="arrival",outcome="cancelled"} 2\n'
    )
    async with aiohttp.ClientSession() as http:
        found = await Stage(plan(), 100, tmp_path, http).nice(metrics)
    assert found is not None
    assert (found.due, found.missing, found.twice) == (8, 1, 0)
