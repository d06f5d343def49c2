# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""``handoff-agent reload``."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from agent.http.ports import ReloadAnswer


def test_it_says_what_changed_and_what_waits(
    bench: Any, node: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    node.reloaded = ReloadAnswer("loaded", changes=("limits.calls changes",), restart=("node",))
    assert bench.command("reload") == 0
    assert capsys.readouterr().out.splitlines() == [
        "limits.calls changes",
        "the configuration is in force",
        "waits for the next start: node",
    ]
    assert node.confirmed == [False]
    assert [(cause.how, cause.why) for cause in node.causes] == [("http", "")]
    assert "@" in node.causes[0].who


def test_the_reason_goes_along(bench: Any, node: Any) -> None:
    assert bench.command("reload", "--why", "new numbers of acme") == 0
    assert node.causes[0].why == "new numbers of acme"


@pytest.mark.parametrize("result", ["held", "refused"])
def test_what_is_kept_out_is_told_with_exit_code_1(
    bench: Any, node: Any, capsys: pytest.CaptureFixture[str], result: str
) -> None:
    node.reloaded = ReloadAnswer(result, mistakes=("what is wrong",))
    assert bench.command("reload") == 1
    told = ["what is wrong", f"{result}: the configuration before it stays in force"]
    assert capsys.readouterr().out.splitlines() == told
    assert bench.command("reload", "--json") == 1
    assert json.loads(capsys.readouterr().out)["result"] == result


def test_a_confirmed_one_needs_no_faultless_configuration(bench: Any, node: Any) -> None:
    (bench.config / "carriers.yaml").write_text("carriers: {}\n", encoding="utf-8")
    assert bench.command("reload", "--yes") == 0
    assert node.confirmed == [True]


def test_without_an_agent_it_is_one_line(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.command("reload") == 2
    assert capsys.readouterr().err == f"handoff-agent: no agent listens on http://127.0.0.1:{bench.port}\n"


def test_an_agent_that_hangs_is_not_waited_for_as_long_as_a_reload_may_take(
    bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", bench.port)):  # takes the connection, and says nothing
        assert bench.command("reload") == 2
    told = f"handoff-agent: http://127.0.0.1:{bench.port} does not answer: no answer within 5 s\n"
    assert capsys.readouterr().err == told


def test_an_address_that_is_none_is_told_and_the_usual_one_asked(
    bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (bench.config / "agent.yaml").write_text("http: {operations: nowhere}\n", encoding="utf-8")
    assert bench.command("reload") == 2
    note, end = capsys.readouterr().err.splitlines()
    assert note.startswith(f"note: {bench.config}/agent.yaml:1:20: 'nowhere' has no port")
    assert note.endswith("; asking http://127.0.0.1:8081, --operations URL names another")
    assert end == "handoff-agent: no agent listens on http://127.0.0.1:8081"
