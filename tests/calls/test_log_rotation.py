# SPDX-License-Identifier: GPL-3.0-or-later
"""logrotate takes the log away while calls are up: no line lost, none doubled, no call touched."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.calls.harness.house import House
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import Change, Plan
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

DEPLOYED = Path(__file__).parents[2] / "deploy/logrotate/handoff-agent"
RULES = """{path} {{
    size 1
    rotate 100
    missingok
    {how}
}}
"""


class Log:
    """A log file, those that were made of it, and who rotates it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "agent.log"

    def rotate(self, rules: str) -> None:
        """Have logrotate do it now."""
        program = shutil.which("logrotate")
        assert program, "logrotate is not installed: deploy/setup --tests does it"
        file = self.folder / "rules"
        file.write_text(rules)
        file.chmod(0o644)
        done = subprocess.run(
            [program, "--force", "--state", str(self.folder / "state"), str(file)],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    def lines(self) -> list[dict[str, Any]]:
        """All of them, in every file; each is whole."""
        found: list[dict[str, Any]] = []
        for file in self.folder.glob("agent.log*"):
            data = file.read_bytes()
            text = gzip.decompress(data) if file.suffix == ".gz" else data
            found += map(json.loads, text[: text.rfind(b"\n") + 1].splitlines())  # the last may be on its way
        return found

    def marks(self) -> Counter[str]:
        """Who is named by a line, and how often."""
        return Counter(str(line.get("by", "")).partition(" ")[0] for line in self.lines())

    def of(self, call_id: str) -> list[str]:
        """The begin and the end of a call, as they are told; what lies between depends on how busy we are."""
        told = [line for line in self.lines() if line.get("call_id") == call_id]
        return sorted(line["event"] for line in told if line["event"] in ("call admitted", "call over"))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Where the agent of this file logs to."""
    folder = tmp_path_factory.mktemp("log")
    folder.chmod(0o755)
    return Log(folder)


@pytest.fixture(scope="module")
def change(log: Log) -> Change:
    """The log is in a file."""

    def in_a_file(plan: Plan) -> None:
        plan.agent["log"] = {"level": "info", "file": str(log.path)}

    return in_a_file


async def written(house: House, log: Log) -> str:
    """Wait until all that was logged so far is in a file: lines keep their order. Who the last one names."""
    mark = f"mark-{uuid4()}"
    assert house.operations("PUT", "/loglevel", {"level": "info", "by": mark}).status == 200
    await eventually(lambda: mark in log.marks(), 60, "the last line")
    return mark


async def whole_call(house: House) -> str:
    """A call from its beginning to its end; its id."""
    async with house.voice_agent("on_cue") as bot, house.caller("on_cue") as caller:
        await caller.saw("200 INVITE")
        bot.cue()
        await caller.succeeds()
        await bot.succeeds()
    row = await house.ended(caller, "completed", "completed")
    await house.at_rest()
    call_id: str = row["call_id"]
    return call_id


async def rotate(house: House, log: Log, how: str, *, tells: bool) -> list[str]:
    """Rotate it now, and tell the agent or not; marks that stand before and behind."""
    if how == "deployed":
        text = DEPLOYED.read_text().replace("/var/log/handoff-agent", str(log.folder))
        rules = text.replace("su handoff-agent handoff-agent", "su root root")
        assert rules != text != DEPLOYED.read_text()
    else:
        rules = RULES.format(path=log.path, how=how)
    before = await written(house, log)
    if how == "copytruncate":
        # What comes between its copy and its cut is lost, whoever writes: that is its own.
        house.agent.send(signal.SIGSTOP)
    try:
        await asyncio.to_thread(log.rotate, rules)
    finally:
        if how == "copytruncate":
            house.agent.send(signal.SIGCONT)
    if tells:
        since = house.watch()
        house.agent.send(signal.SIGHUP)
        await eventually(lambda: since.moved("handoff_config_reloads_total") >= 1, 60, "it has reloaded")
    return [before, await written(house, log)]


@pytest.mark.parametrize("tells", [False, True], ids=["untold", "SIGHUP"])
@pytest.mark.parametrize("how", ["deployed", "create 0640", "nocreate", "copytruncate"])
async def test_no_line_is_lost_or_doubled_and_no_call_notices(
    house: House, log: Log, how: str, *, tells: bool
) -> None:
    async with house.voice_agent("on_cue") as bot, house.caller("on_cue") as caller:
        await caller.saw("200 INVITE")
        marks = await rotate(house, log, how, tells=tells)
        marks += await rotate(house, log, how, tells=tells)
        bot.cue()
        await caller.succeeds()
        await bot.succeeds()
    row = await house.ended(caller, "completed", "completed")
    await house.at_rest()
    marks += await rotate(house, log, how, tells=tells)
    later = await whole_call(house)
    await written(house, log)
    for call_id in (row["call_id"], later):
        assert log.of(call_id) == ["call admitted", "call over"]
    found = log.marks()
    assert {mark: found[mark] for mark in marks} == dict.fromkeys(marks, 1)
    every = Counter(json.dumps(line, sort_keys=True) for line in log.lines())
    assert max(every.values()) == 1, every.most_common(3)
    assert total(house.metrics(), "handoff_log_lines_dropped_total") == 0
