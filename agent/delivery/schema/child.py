# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking the steps in a child process: what loads 29 MB must not stay in a process that serves calls."""

from __future__ import annotations

import subprocess

from agent.children import command, environment
from agent.core.errors import StorageError


def upgrade(storage: str) -> None:
    """Bring a storage up to date. Blocks.

    Args:
        storage: ``sqlite://PATH`` or a PostgreSQL URL; it goes by standard input, since it may hold a secret.

    Raises:
        StorageError: it can't be done; one line says why.
    """
    try:
        child = subprocess.run(  # noqa: S603 - all of it is ours
            command("agent.delivery.schema"),
            input=storage,
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
        )
    except OSError as error:
        raise StorageError(f"no process can be started to make its tables: {error.strerror}") from None
    if child.returncode == 1 and (why := child.stdout.strip()):
        raise StorageError(why)
    if child.returncode != 0:  # it could not even say why; Python ends with 1, too, where a module is broken
        last = (child.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise StorageError(f"the process that makes its tables died ({child.returncode}): {last}")
