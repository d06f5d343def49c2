# SPDX-License-Identifier: GPL-3.0-or-later
"""Each line of the log that tells of a call says which one, and whose: docs/operations.md promises it."""

from __future__ import annotations

import ast
import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.telemetry import logs

AGENT = Path(__file__).parents[2] / "agent"
FILES = [
    file
    for file in sorted(AGENT.rglob("*.py"))
    if file.relative_to(AGENT).parts[0] not in ("cli", "simulators")
]
# What they tell is of the node, of a connection, or of what several calls share, such as a log-in.
OF_ALL_CALLS = {
    "configuration.py",
    "cxone/token.py",
    "delivery/postgres_lease.py",
    "delivery/record_files/writer.py",
    "delivery/replication.py",
    "delivery/retention.py",
    "delivery/schema/child.py",
    "http/access.py",
    "http/connection.py",
    "http/listener.py",
    "node.py",
    "process.py",
    "renewal.py",
    "sip/relay.py",
    "telemetry/audit.py",
    "telemetry/captures.py",
    "telemetry/exporter.py",
    "telemetry/homer.py",
    "telemetry/kept_lines.py",
    "telemetry/tracing.py",
    "web/last_good.py",
}
OF_NO_CALL = {
    "node state",
    "work of a process that is gone is taken over",
    "calls of a process that is gone were told as failed",
    "nothing can be taken over now",
    "the end waits for the storage: moments of calls are not recorded yet",
}
OF_A_PROJECT = {
    "a test call could not be made",
    "a test call failed",
    "a test call could not tell whether the voice agent hears",
    "a test call went well again",
    "CXone is not ready, signals will wait",
    "signals are accepted again",
    "signals fail",
}
OF_CALL = {"call_facts()", "logs.call_facts()", "of_call", "facts", "_of(signal)", "_of(job.signal)"}


def calls_of_the_log() -> Iterator[tuple[str, str, set[str]]]:
    """Where, the event, and the names of what is told."""
    for file in FILES:
        if str(file.relative_to(AGENT)) in OF_ALL_CALLS:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            if ast.unparse(node.func).split(".")[0] not in ("_log", "log"):
                continue
            names = {kept.arg or ast.unparse(kept.value) for kept in node.keywords}
            if names & OF_CALL:
                names |= {"call_id", "project"}
            event = node.args[0]
            text = event.value if isinstance(event, ast.Constant) else ast.unparse(event)
            yield f"{file.relative_to(AGENT)}:{node.lineno}", str(text), names


def test_each_line_of_a_call_names_it_and_its_project() -> None:
    told = list(calls_of_the_log())
    assert len(told) > 10
    for where, event, names in told:
        if event in OF_NO_CALL:
            continue
        wanted = {"project"} if event in OF_A_PROJECT else {"call_id", "project"}
        assert wanted <= names, f"{where}: {event!r} does not say {wanted - names}"


def test_no_event_is_excused_that_is_logged_no_more() -> None:
    assert {event for _, event, _ in calls_of_the_log()} >= OF_NO_CALL | OF_A_PROJECT


def test_each_part_of_the_agent_has_a_logger_that_names_it() -> None:
    for file in AGENT.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if file.name != "logs.py":
            assert "structlog.get_logger" not in text, file


@pytest.mark.usefixtures("logging_restored")
def test_a_line_of_a_library_has_it_as_its_part(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    logging.getLogger("aiohttp.server").warning("broken")
    assert json.loads(capsys.readouterr().err)["part"] == "aiohttp"


async def test_what_is_done_for_one_call_is_told_as_that_and_nothing_else_is() -> None:
    async def one(call_id: str) -> str:
        with logs.of_call(call_id, "care"):
            await asyncio.sleep(0)
            return logs.call_facts()["call_id"]

    assert list(await asyncio.gather(one("c-1"), one("c-2"))) == ["c-1", "c-2"]
    assert logs.call_facts() == {}
    with logs.of_call("", ""):
        assert logs.call_facts() == {}
