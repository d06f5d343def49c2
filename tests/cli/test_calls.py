# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""``handoff-agent calls``, ``explain``, ``hangup`` and ``diff``."""

from __future__ import annotations

import json
import re
import shutil
import time
from typing import Any

import pytest

from agent.cli.main import main
from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, Channel, Signal

Capture = pytest.CaptureFixture[str]
ACCEPTED = ("accepted", 202, "")
GONE = ("unknown_contact", 404, "Invalid Contact ID.")


def up(**changes: Any) -> dict[str, Any]:
    """A call as the agent lists it while it is up."""
    return {
        "call_id": "c-live",
        "node": "edge-1",
        "carrier": "loopback",
        "account": "acme",
        "project": "acme-care",
        "number": "9995550101",
        "contact_id": "7001",
        "master_id": "",
        "sip_call_id": "live@10.0.0.1",
        "state": "bridged",
        "began": time.time() - 20,
        "answered": time.time() - 19,
        "ended": None,
        "end": "",
        "reason": "",
    } | changes


def test_past_calls_are_listed_from_the_record(bench: Any, capsys: Capture) -> None:
    bench.record(SignalState.ACCEPTED, ACCEPTED)
    bench.record(SignalState.ACCEPTED, ACCEPTED, contact_id="4513", project="acme-sales")
    assert bench.command("calls", "--contact", "4512") == 0
    said, _, row = capsys.readouterr().out.splitlines()
    assert said.startswith("no agent listens on")
    assert row.split()[2:] == [
        "c-4512",
        "4512",
        "acme-care",
        "9995550100",
        "35.0",
        "s",
        "-",
        "handoff",
        "handoff",
    ]
    bench.command("calls", "--project", "acme-sales", "--json")
    assert [one["call_id"] for one in json.loads(capsys.readouterr().out)["calls"]] == ["c-4513"]
    bench.command("calls", "--since", "10s")
    assert "no calls match" in capsys.readouterr().out


def test_live_calls_come_first_and_from_the_agent(bench: Any, capsys: Capture, node: Any) -> None:
    bench.record(SignalState.ACCEPTED, ACCEPTED)
    node.live = [up()]
    assert bench.command("calls") == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[2] for row in rows] == ["c-live", "c-4512"]
    assert "bridged (up)" in rows[0]
    bench.command("calls", "--live", "--json")
    assert [one["live"] for one in json.loads(capsys.readouterr().out)["calls"]] == [True]


def test_past_calls_are_found_by_what_an_operator_has_at_hand(bench: Any, capsys: Capture) -> None:
    bench.record(SignalState.ACCEPTED, ACCEPTED, master_id="4500", carrier="nice-eu1")
    other = {"number": "9995550200", "end": "failed", "reason": "no_agent", "began": bench.then - 3600}
    bench.record(SignalState.ACCEPTED, ACCEPTED, contact_id="4513", **other)

    def found(*words: str) -> list[str]:
        assert bench.command("calls", "--json", *words) == 0
        return [one["call_id"] for one in json.loads(capsys.readouterr().out)["calls"]]

    assert found() == ["c-4512", "c-4513"]
    for words in (
        ("--call", "c-4513"),
        ("--number", "9995550200"),
        ("--number", "0200"),
        ("--end", "failed"),
        ("--reason", "no_agent"),
        ("--until", "30m"),
        ("--sip", "sip-4513@10.0.0.1"),
    ):
        assert found(*words) == ["c-4513"], words
    assert found("--master", "4500") == found("--carrier", "nice-eu1") == ["c-4512"]
    assert found("--master", "4500", "--end", "failed") == []


def test_a_long_list_goes_on_where_it_ended(bench: Any, capsys: Capture, node: Any) -> None:
    for number in range(5):
        bench.record(SignalState.ACCEPTED, ACCEPTED, contact_id=f"451{number}", began=bench.then - number)
    node.live = [up()]
    seen: list[str] = []
    words: list[str] = []
    while True:
        assert bench.command("calls", "--limit", "2", *words) == 0
        *rows, last = capsys.readouterr().out.splitlines()[1:]
        seen += [row.split()[2] for row in rows]
        if not last.startswith("there are more: the same with --page "):
            seen.append(last.split()[2])
            break
        words = last.split()[-2:]
    assert seen == ["c-live", "c-4510", "c-4511", "c-4512", "c-4513", "c-4514"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--page", "7"), "page is none that a list gave as next"),
        (("--until", "soon"), "'soon' is not a time: write 30m"),
        (("--reason", "no_luck"), "'no_luck' is no reason: write one of agent_lost, "),
        (("--end", "well"), "invalid choice: 'well'"),
    ],
)
def test_what_can_not_be_looked_for_is_said(
    bench: Any, capsys: Capture, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.command("calls", *words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_live_calls_need_an_agent(bench: Any, capsys: Capture) -> None:
    assert bench.command("calls", "--live") == 2
    assert capsys.readouterr().err == f"handoff-agent: no agent listens on http://127.0.0.1:{bench.port}\n"


@pytest.mark.parametrize("name", ["c-4512", "4512", "sip-4512@10.0.0.1"])
def test_a_call_is_explained_from_the_record_by_any_of_its_names(
    bench: Any, capsys: Capture, name: str
) -> None:
    bench.record(SignalState.ACCEPTED, ACCEPTED, moment=Moment.ARRIVAL)
    bench.record(SignalState.REFUSED, GONE)
    assert bench.command("explain", name) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        "The voice agent handed the caller back after 35.0 s; the handoff signal was NOT taken"
    )
    assert "first cause: CXone, to the handoff signal: HTTP 404 Invalid Contact ID" in lines[0]
    assert any(line.startswith("From the record") for line in lines)
    assert "over: handoff, handoff" in "\n".join(lines)


@pytest.mark.parametrize(
    ("end", "reason", "words"),
    [
        ("caller", "caller_hung_up", "The caller hung up after"),
        ("failed", "process_died", "The agent's process died with the call up"),
        ("failed", "no_agent", "the caller got 480"),
    ],
)
def test_the_verdict_says_who_ended_the_call(
    bench: Any, capsys: Capture, end: str, reason: str, words: str
) -> None:
    bench.record(SignalState.ACCEPTED, ACCEPTED, moment=Moment.ARRIVAL, end=end, reason=reason)
    assert bench.command("explain", "4512") == 0
    verdict = capsys.readouterr().out.splitlines()[0]
    assert words in verdict
    assert "no terminal signal was recorded" in verdict


def test_a_call_s_webhook_and_transcript_are_told_beside_its_signals(bench: Any, capsys: Capture) -> None:
    bench.record(SignalState.ACCEPTED, ("accepted", 202, ""))
    ids = ("w-1", "c-4512", "acme", "acme-care", "4512")
    body, then = {"body": "what the caller said"}, bench.then
    hook = Signal(*ids, Moment.HANDOFF, body, then, then + 60, channel=Channel.WEBHOOK)

    async def write(store: Any) -> None:
        await store.record_signal(hook)
        tried = Attempt(then + 1, then + 1.2, "server_fault", 500, "HTTP 500")
        await store.update_signal("w-1", SignalState.EXPIRED, tried)

    bench.stored(write)
    assert bench.command("explain", "4512") == 0
    text = capsys.readouterr().out
    assert "the handoff signal was ACCEPTED" in text.splitlines()[0]
    assert "webhook    recorded" in text
    assert "webhook    answer: HTTP 500" in text
    assert "The webhook, w-1" in text
    assert "The handoff signal, s-4512-handoff" in text
    assert "what the caller said" not in text
    assert bench.command("explain", "4512", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["signal_id"] for one in told["signals"]] == ["s-4512-handoff"]
    assert [one["signal_id"] for one in told["posts"]] == ["w-1"]


def test_a_live_call_is_explained_by_the_agent_s_own_story(bench: Any, capsys: Capture, node: Any) -> None:
    bench.record(SignalState.ACCEPTED, ACCEPTED)
    node.live = [up()]
    now = time.time()
    node.stories["c-live"] = [
        {"when": now, "kind": "sip", "text": "caller → us INVITE sip:1@x [1 INVITE] udp 10.0.0.1:5060"},
        {"when": now, "kind": "sip", "text": "agent  → us SIP/2.0 503 Busy [1 INVITE] udp 10.0.0.5:5070"},
    ]
    assert bench.command("explain", "7001") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("The call has been up for 2")
    assert "From the running agent:" in lines
    assert "INVITE sip:1@x" in lines[-2]
    assert bench.command("explain", "7001", "--json") == 0
    assert json.loads(capsys.readouterr().out)["source"] == "the running agent"


AWAY = ("--storage", "sqlite:///nowhere/agent.db")


def printed(capsys: Capture) -> str:
    """What the command wrote, without the log of the agent in this process."""
    lines = capsys.readouterr().out.splitlines(keepends=True)
    return "".join(line for line in lines if "[error" not in line)


def test_a_live_call_is_explained_without_the_storage(bench: Any, capsys: Capture, node: Any) -> None:
    node.live, node.storage_away = [up()], True
    text = "caller → us INVITE sip:1@x [1 INVITE] udp 10.0.0.1:5060"
    node.stories["c-live"] = [{"when": time.time(), "kind": "sip", "text": text}]
    assert bench.command("explain", "7001", *AWAY) == 0
    told = printed(capsys)
    assert told.startswith("The call has been up for 2")
    assert "note: the record can't be read: there is no record yet" in told
    assert "of its signals only the time line tells" in told
    assert "INVITE sip:1@x" in told.splitlines()[-1]


def test_of_a_call_that_is_over_the_agent_s_story_is_told_without_the_storage(
    bench: Any, capsys: Capture, node: Any
) -> None:
    node.storage_away = True
    node.stories["c-over"] = [{"when": time.time(), "kind": "decision", "text": "admitted"}]
    assert bench.command("explain", "c-over", *AWAY) == 0
    told = printed(capsys)
    assert told.startswith("The record can't be read now (there is no record yet")
    assert told.endswith("admitted\n")
    assert bench.command("explain", "c-over", *AWAY, "--json") == 0
    assert json.loads(printed(capsys))["story"][0]["text"] == "admitted"


def test_without_the_storage_nobody_says_that_there_was_no_call(
    bench: Any, capsys: Capture, node: Any
) -> None:
    node.storage_away = True
    assert bench.command("explain", "c-4512", *AWAY) == 2
    said = capsys.readouterr()
    assert said.err.splitlines()[-1].startswith("handoff-agent: there is no record yet:")
    assert "no call has" not in said.out


def test_the_first_cause_of_a_failed_call_is_found_in_its_story(
    bench: Any, capsys: Capture, node: Any
) -> None:
    bench.record(SignalState.REFUSED, GONE, moment=Moment.FAILED, end="failed", reason="no_agent")
    node.stories["c-4512"] = [
        {"when": 1.0, "kind": "sip", "text": "caller → us INVITE sip:1@x [1 INVITE] udp 10.0.0.1:5060"},
        {"when": 2.0, "kind": "sip", "text": "agent  → us SIP/2.0 503 Busy [1 INVITE] udp 10.0.0.5:5070"},
    ]
    assert bench.command("explain", "4512") == 0
    assert "first cause: the agent side answered 503 Busy." in capsys.readouterr().out.splitlines()[0]


def test_a_call_that_nobody_knows_is_found_wrong(bench: Any, capsys: Capture) -> None:
    bench.record(SignalState.RECORDED)
    assert bench.command("explain", "c-none") == 1
    assert capsys.readouterr().out == (
        "no call has the call id, contact id or SIP Call-ID c-none; "
        "only a running agent could tell of a refused INVITE\n"
    )


def test_a_call_is_hung_up_through_the_agent(bench: Any, capsys: Capture, node: Any) -> None:
    node.live = [up()]
    assert bench.command("hangup", "c-live") == 0
    assert bench.command("hangup", "c-none") == 1
    assert node.hung_up == ["c-live", "c-none"]
    assert "no such call is up" in capsys.readouterr().out


def test_a_call_can_t_be_hung_up_without_an_agent(bench: Any, capsys: Capture) -> None:
    assert bench.command("hangup", "c-live") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_diff_tells_what_moves_and_which_calls_are_up_there(bench: Any, capsys: Capture, node: Any) -> None:
    new = bench.config.parent / "new"
    shutil.copytree(bench.config, new)
    numbers = new / "numbers/acme.yaml"
    text = numbers.read_text(encoding="utf-8").replace(
        "{project: acme-care, labels", "{project: acme-sales, labels"
    )
    numbers.write_text(text, encoding="utf-8")
    node.live = [up(), up(call_id="c-other", number="9995550100")]
    url = f"http://127.0.0.1:{bench.port}"
    assert main(["diff", str(bench.config), str(new), "--node", url]) == 0
    moves, live = capsys.readouterr().out.splitlines()
    assert moves == "number 9995550101 moves from acme-care to acme-sales"
    assert live.startswith("call c-live is up on 9995550101 since ")
    assert live.endswith("it stays with acme-care; the next one goes to acme-sales")
    assert main(["diff", str(bench.config), str(new), "--node", url, "--json"]) == 0
    assert [one["call_id"] for one in json.loads(capsys.readouterr().out)["live_calls"]] == ["c-live"]


def test_diff_of_the_same_says_so_and_a_bad_folder_can_t_be_compared(bench: Any, capsys: Capture) -> None:
    assert main(["diff", str(bench.config), str(bench.config)]) == 0
    assert capsys.readouterr().out == "nothing changes\n"
    assert main(["diff", str(bench.config), str(bench.config / "numbers")]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["explain", ""],
        ["hangup", ""],
        ["signals", "show", ""],
        ["signals", "retry", ""],
        ["signals", "discard", ""],
        ["signals", "list", "--contact", ""],
        ["signals", "list", "--call", " "],
        ["signals", "list", "--project", ""],
        ["calls", "--contact="],
        ["calls", "--project", ""],
        ["calls", "--number", ""],
        ["doctor", "--project", ""],
        ["doctor", "--project", "acme-care", "--signal", ""],
        ["route", ""],
        ["route", "1", "--carrier", ""],
    ],
)
def test_an_unset_variable_of_a_script_is_no_id(bench: Any, capsys: Capture, words: list[str]) -> None:
    bench.record(SignalState.ACCEPTED, ACCEPTED, contact_id="")
    assert bench.command(*words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.fullmatch(
        r"handoff-agent: [-A-Z_a-z]+ is empty \(an unset variable\?\): an id is needed.*\n", shown.err
    )
