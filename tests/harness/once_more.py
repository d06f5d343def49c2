# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells a race of the tests from a fault: what failed beside others is run again alone, three times.

``make test`` never does that. `.ci/run` does it after a run that a few tests failed: each of them has to pass
three times in a row, with nothing beside it. Those that do are named as raced, a fault of the test that is to
be mended; the first that does not ends it as a failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

AT_MOST: Final = 5
"""More than a few are no accident."""
TIMES: Final = 3

_KEY: Final = "handoff/ended"
KEPT: Final = Path(".pytest_cache/v") / _KEY


def note(config: pytest.Config, exitstatus: int) -> None:
    """Keep how a whole run ended, and which tests failed, for `failed`."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    kept = config.pluginmanager.has_plugin("cacheprovider") and config.cache
    if not kept or reporter is None or hasattr(config, "workerinput"):
        return
    reports = (*reporter.stats.get("failed", ()), *reporter.stats.get("error", ()))
    names = sorted({report.nodeid for report in reports})
    kept.set(_KEY, {"code": int(exitstatus), "failed": names})


def failed(kept: Path = KEPT) -> list[str]:
    """The tests that failed in the last run.

    Raises:
        SystemExit: it did not come to its end, or too many did: running some again says nothing.
    """
    if not kept.exists():
        raise SystemExit("no test was run: nothing to run again")
    ended = json.loads(kept.read_text())
    if ended["code"] != pytest.ExitCode.TESTS_FAILED:
        raise SystemExit(
            f"the tests did not come to their end (pytest's code {ended['code']}): not run again"
        )
    names: list[str] = ended["failed"]
    if not 0 < len(names) <= AT_MOST:
        raise SystemExit(f"{len(names)} tests failed: not run again, since that is no race of a few")
    return names


def main() -> int:
    """Run them again; 0 when each passed each time."""
    names = failed()
    for name in names:
        for time in range(1, TIMES + 1):
            _say(f"once more, alone ({time} of {TIMES}): {name}")
            again = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--flavour", "asserts", name]
            if subprocess.run([sys.executable, *again], check=False).returncode != 0:
                return 1
    for name in names:
        _say(f"RACED, to be mended: {name}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
