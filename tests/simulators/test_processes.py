# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes of a rehearsal: what is told of one that does not do what it should."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent.core.errors import AgentError
from agent.simulators.processes import Child

_WAITS = (
    "import signal, sys; print(sys.argv[1], file=sys.stderr, flush=True); "
    "print('there', flush=True); signal.pause()"
)


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ('{"part": "storage", "event": "the start waits", "level": "warning"}', "the start waits"),
        ("handoff-agent: no room", "handoff-agent: no room"),
        ("{no JSON", "{no JSON"),
    ],
)
async def test_one_that_is_late_is_told_with_what_its_log_says_last(
    tmp_path: Path, log: str, told: str
) -> None:
    child = await Child.start("agent", tmp_path / "log", sys.executable, "-c", _WAITS, log)
    try:
        await child.said(lambda line: line == "there", 60)
        assert str(child.late(30)) == f"agent is not ready after 30 s: {told}"
        with pytest.raises(AgentError, match=r"^agent is not ready after 0\.01 s: "):
            await child.said(lambda line: line == "never", 0.01)
    finally:
        await child.end()
