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
    *sorted((AGENT / "calls").glob("*.py")),
    *(AGENT / name for name in ("sip/leg.py", "sip/leg_state.py")),
]
OF_NO_CALL = {
    "node state",
    "work of a process that is gone is taken over",
    "calls of a process that is gone were told as failed",
    "nothing can be taken over now",
}
PROJECT_NOT_KNOWN = {"too much waits for the storage: the next process tells this call as failed"}


def calls_of_the_log() -> Iterator[tuple[str, str, set[str]]]:
    """Where, the event, and the names of what is told."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            if ast.unparse(node.func).split(".")[0] not in ("_log", "log"):
                continue
            names = {kept.arg or ast.unparse(kept.value) for kept in node.keywords}
            if "call_facts()" in names:
                names |= {"call_id", "project"}
            event = node.args[0]
            text = event.value if isinstance(event, ast.Constant) else ast.unparse(event)
            yield f"{file.name}:{node.lineno}", str(text), names


def test_each_line_of_a_call_names_it_and_its_project() -> None:
    told = list(calls_of_the_log())
    assert len(told) > 10
    for where, event, names in told:
        if event in OF_NO_CALL:
            continue
        wanted = {"call_id"} if event in PROJECT_NOT_KNOWN else {"call_id", "project"}
        assert wanted <= names, f"{where}: {event!r} does not say {wanted - names}"


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
