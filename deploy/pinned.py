# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what of requirements.lock the agent needs at run time, hashes and all: no test, no tool.

Usage: .venv/bin/python deploy/pinned.py [EXTRA…]     such as otel, parquet
Run by the environment of deploy/setup, whose installed packages say what each of them asks for.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement

_LOCK = Path(__file__).parents[1] / "requirements.lock"
_AGENT = "handoff-agent"


def needed(extras: list[str]) -> set[str]:
    """The names of all packages that the agent asks for, directly or through others.

    Raises:
        PackageNotFoundError: one of them is not installed here.
    """
    found: set[str] = set()
    waiting = [(_AGENT, frozenset(extras))]
    seen = set(waiting)
    while waiting:
        name, asked = waiting.pop()
        found.add(name)
        for text in requires(name) or ():
            wanted = Requirement(text)
            if wanted.marker and not any(wanted.marker.evaluate({"extra": one}) for one in (*asked, "")):
                continue
            one = (canonical(wanted.name), frozenset(wanted.extras))
            if one not in seen:
                seen.add(one)
                waiting.append(one)
    return found - {_AGENT}


def canonical(name: str) -> str:
    """A package's name as a lock file has it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main(extras: list[str]) -> int:
    """Print them.

    Returns:
        The exit code: 0 done, 1 the lock file lacks one, 2 this is not the environment of deploy/setup.
    """
    try:
        names = needed(extras)
    except PackageNotFoundError as error:
        sys.stderr.write(
            f"pinned: {error.name} is not installed here: run make setup, and this by .venv/bin/python\n"
        )
        return 2
    entries = re.split(r"\n(?=\S)", _LOCK.read_text(encoding="utf-8").strip())
    locked = {canonical(re.split(r"[=\[ ]", entry, maxsplit=1)[0]): entry for entry in entries}
    if missing := sorted(names - locked.keys()):
        sys.stderr.write(f"pinned: requirements.lock lacks {', '.join(missing)}: run make lock\n")
        return 1
    sys.stdout.writelines(f"{locked[name]}\n" for name in sorted(names))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
