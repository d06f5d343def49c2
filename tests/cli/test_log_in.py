# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Commands that ask a listener with a log-in show a token, and say so plainly when they have none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.cli.main import main
from agent.core.moments import SignalState

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


@pytest.mark.parametrize("token", ["two\nlines", "a-token-of-12-€"])
def test_one_that_can_t_be_sent_is_told_in_a_line(
    token: str, guarded: Any, node: Any, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert node
    monkeypatch.setenv("HANDOFF_AGENT_TOKEN", token)
    assert guarded.command("hangup", "c-live") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        "is none: it has a line break, or a character that is not ASCII (HANDOFF_AGENT_TOKEN)"
    )


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


ADVICE = (
    "asks for a log-in: put a token of http.operations_auth into HANDOFF_AGENT_TOKEN, or run this as a user "
    "who may read the one that agent.yaml names"
)


def test_without_a_token_past_calls_are_listed_and_what_would_bring_the_others(
    guarded: Any, node: Any, capsys: Capture
) -> None:
    guarded.record(SignalState.ACCEPTED, ("accepted", 202, ""))
    node.live = [{"call_id": "c-live", "number": "9995550100"}]
    forget(guarded)
    assert guarded.command("calls") == 0
    said, _, row = capsys.readouterr().out.splitlines()
    assert said == (
        f"http://127.0.0.1:{guarded.port} {ADVICE}; the list is from the record, and does not say which "
        "calls are up"
    )
    assert "c-4512" in row
    assert guarded.command("calls", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["running"], ADVICE in told["missing"], len(told["calls"])) == (False, True, 1)
    for option in ("--live", "--refused"):
        assert guarded.command("calls", option) == 2
        assert ADVICE in capsys.readouterr().err


def test_without_a_token_a_call_is_explained_from_the_record_with_what_is_missing(
    guarded: Any, node: Any, capsys: Capture
) -> None:
    guarded.record(SignalState.ACCEPTED, ("accepted", 202, ""))
    node.stories["c-4512"] = [{"when": 1.0, "kind": "sip", "text": "only the agent knows"}]
    forget(guarded)
    assert guarded.command("explain", "4512") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("The voice agent handed the caller back")
    note = "note: SIP messages are missing, and whether the call is still up: "
    assert f"{note}http://127.0.0.1:{guarded.port} {ADVICE}" in lines
    assert "From the record (the agent was not asked):" in lines
    assert guarded.command("explain", "4512", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["source"], ADVICE in told["missing"]) == ("the record", True)
    guarded.record(SignalState.RECORDED, contact_id="4513", ended=None, end="", reason="")
    assert guarded.command("explain", "4513") == 0
    assert "when it was last recorded; whether it is up the agent alone can say" in capsys.readouterr().out
    assert guarded.command("explain", "c-none") == 1
    assert "; of a refused INVITE only the agent could tell, and http://" in capsys.readouterr().out
    assert guarded.command("explain", "c-none", "--storage", "sqlite:///nowhere/agent.db") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("handoff-agent: there is no record yet")
    assert ADVICE in said


def test_a_token_that_is_not_known_is_told_with_where_it_came_from(
    guarded: Any, node: Any, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert node
    guarded.record(SignalState.ACCEPTED, ("accepted", 202, ""))
    monkeypatch.setenv("HANDOFF_AGENT_TOKEN", "a token that is not known")
    assert guarded.command("explain", "4512") == 0
    assert "it does not know the token of HANDOFF_AGENT_TOKEN" in capsys.readouterr().out
    assert guarded.command("capture", "--get", "c-1", "--out", "nowhere.pcap") == 2
    assert "it does not know the token of HANDOFF_AGENT_TOKEN" in capsys.readouterr().err
