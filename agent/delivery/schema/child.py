# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking the steps in a child process: what loads 29 MB must not stay in a process that serves calls."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import agent
from agent.core.errors import StorageError

_ROOT = str(Path(agent.__file__).resolve().parents[1])


def upgrade(storage: str) -> None:
    """Bring a storage up to date. Blocks.

    Args:
        storage: ``sqlite://PATH`` or a PostgreSQL URL; it goes by standard input, since it may hold a secret.

    Raises:
        StorageError: it can't be done; one line says why.
    """
    path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "agent.delivery.schema"],  # -P: no module comes from where we stand
            input=storage,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": path},
        )
    except OSError as error:
        raise StorageError(f"no process can be started to make its tables: {error.strerror}") from None
    if child.returncode == 1 and (why := child.stdout.strip()):
        raise StorageError(why)
    if child.returncode != 0:  # it could not even say why; Python ends with 1, too, where a module is broken
        last = (child.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise StorageError(f"the process that makes its tables died ({child.returncode}): {last}")
