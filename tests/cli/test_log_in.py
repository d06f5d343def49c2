# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Commands that ask a listener with a log-in show a token, and say so plainly when they have none."""

from __future__ import annotations

from typing import Any

import pytest

from agent.cli.main import main

Capture = pytest.CaptureFixture[str]
TOKEN = "an-operator's-own-token"
VIEWER = "a-viewer's-own-token"


@pytest.fixture
def guarded(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bench, its agent started by the test, with two tokens in files that this user may read."""
    monkeypatch.delenv("HANDOFF_AGENT_TOKEN", raising=False)
    for name, text in (("ana", TOKEN), ("wallboard", VIEWER)):
        (bench.config / "secrets" / name).write_text(text, encoding="utf-8")
    where = f"  operations: 127.0.0.1:{bench.port}"
    tokens = (
        "[{name: wallboard, token: '${file:secrets/wallboard}'}, "
        "{name: ana, role: operator, token: '${file:secrets/ana}'}]"
    )
    bench.edit("agent.yaml", where, f"  operations_auth: {{tokens: {tokens}}}\n{where}")
    return bench


def forget(bench: Any) -> None:
    """Let agent.yaml name no token that this user could read."""
    for name in ("ana", "wallboard"):
        (bench.config / "secrets" / name).unlink()


def test_a_token_of_agent_yaml_is_shown_to_its_own_listener(guarded: Any, node: Any, capsys: Capture) -> None:
    node.live = [{"call_id": "c-live"}]
    assert guarded.command("hangup", "c-live", "--why", "it loops") == 0
    assert node.hung_up == ["c-live"]
    (deed,) = node.audit.newest()
    assert deed.who.startswith("ana (")
    assert (deed.about, deed.why, deed.outcome) == ("c-live", "it loops", "done")
    assert "handoff-agent:" not in capsys.readouterr().err


def test_none_is_shown_to_another_one(guarded: Any, node: Any, capsys: Capture) -> None:
    node.live = [{"call_id": "c-live"}]
    assert guarded.command("hangup", "c-live", "--operations", f"http://localhost:{guarded.port}") == 2
    said = capsys.readouterr().err
    assert "asks for a log-in: put a token of http.operations_auth into HANDOFF_AGENT_TOKEN" in said
    assert (node.hung_up, len(said.splitlines())) == ([], 1)


def test_one_of_the_environment_comes_first(
    guarded: Any, node: Any, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    node.live = [{"call_id": "c-live"}]
    monkeypatch.setenv("HANDOFF_AGENT_TOKEN", VIEWER)
    assert guarded.command("hangup", "c-live") == 2
    assert "is a viewer: only an operator may change something" in capsys.readouterr().err
    monkeypatch.setenv("HANDOFF_AGENT_TOKEN", "a token that is not known")
    assert guarded.command("hangup", "c-live") == 2
    assert "it does not know the token of HANDOFF_AGENT_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("HANDOFF_AGENT_TOKEN", TOKEN)
    assert guarded.command("hangup", "c-live") == 0


def test_who_may_read_no_token_is_told_where_to_put_one(guarded: Any, node: Any, capsys: Capture) -> None:
    assert node
    forget(guarded)
    assert guarded.command("reload") == 2
    assert "put a token of http.operations_auth into HANDOFF_AGENT_TOKEN" in capsys.readouterr().err
    assert guarded.command("calls", "--live") == 2


def test_what_needs_numbers_in_clear_says_that_a_viewer_gets_none(
    guarded: Any, node: Any, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    node.live = [{"call_id": "c-live", "number": "9995550100"}]
    monkeypatch.setenv("HANDOFF_AGENT_TOKEN", VIEWER)
    url = f"http://127.0.0.1:{guarded.port}"
    assert main(["diff", str(guarded.config), str(guarded.config), "--operations", url]) == 2
    assert "use a token of an operator" in capsys.readouterr().err
