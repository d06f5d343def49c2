# SPDX-License-Identifier: GPL-3.0-or-later
"""Another revision of the agent, checked out and set up in a folder that is gone afterwards."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SETUP_SECONDS: Final = 1200  # a build of pjsua2 is in it, if no wheel of that revision is cached


class NoRevisionError(Exception):
    """The other revision can't be run here; the text says why."""


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """A work tree of that revision with an environment of its own, by its own ``deploy/setup``.

    Raises:
        NoRevisionError: there is no such revision, or its set-up failed or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="handoff-revision-") as folder:
        tree = Path(folder) / "tree"
        _run(["git", "worktree", "add", "-q", "--detach", str(tree), revision], Path.cwd(), 60)
        try:
            _run(["deploy/setup"], tree, _SETUP_SECONDS)
            yield tree
        finally:
            _run(["git", "worktree", "remove", "--force", str(tree)], Path.cwd(), 60)


def _run(command: list[str], folder: Path, seconds: float) -> None:
    """Run a step; what it says goes to our own output."""
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    try:
        subprocess.run(command, cwd=folder, env=environment, check=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise NoRevisionError(f"{' '.join(command)} took more than {seconds:g} s") from None
    except subprocess.CalledProcessError as error:
        raise NoRevisionError(f"{' '.join(command)} ended with {error.returncode}, see above") from None
