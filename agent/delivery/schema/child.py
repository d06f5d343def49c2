# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking the steps in a child process: what loads 29 MB must not stay in a process that serves calls."""

from __future__ import annotations

import asyncio
from typing import Final

from agent import children
from agent.core.errors import StorageError
from agent.telemetry.logs import logger

LONGEST: Final = 600.0
"""Seconds in which a large database must have its tables; all steps are one transaction, or none."""
PATIENCE: Final = 5.0
"""Seconds after which the log says what the start waits for."""
_MODULE: Final = "agent.delivery.schema"

_log = logger("storage")


async def upgrade(storage: str, *, longest: float = LONGEST, patience: float = PATIENCE) -> None:
    """Bring a storage up to date. When it is cancelled the child is killed, and nothing of it stands.

    Args:
        storage: ``sqlite://PATH`` or a PostgreSQL URL; it goes by standard input, since it may hold a secret.
        longest: seconds after which the child is killed.
        patience: seconds after which the log says that it is waited for.

    Raises:
        StorageError: it can't be done; one line says why.
    """
    waiting = asyncio.get_running_loop().call_later(patience, _tell, patience, longest)
    try:
        said = await children.ask(_MODULE, told=storage.encode(), seconds=longest)
    except TimeoutError:
        raise StorageError(f"making its tables took longer than {longest:g} s and was given up") from None
    except OSError as error:
        raise StorageError(f"no process can be started to make its tables: {error.strerror}") from None
    finally:
        waiting.cancel()
    if said.code == 1 and (why := said.output.decode(errors="replace").strip()):
        raise StorageError(why)
    if said.code != 0:  # it could not even say why; Python ends with 1, too, where a module is broken
        raise StorageError(f"the process that makes its tables died ({said.code}): {said.last_words}")


def _tell(patience: float, longest: float) -> None:
    _log.warning(
        "the start waits for the storage's tables, which a child process brings up to date: the database is "
        "large or slow, its disk or server hangs, or somebody holds it locked",
        child=f"python -m {_MODULE}",
        seconds=patience,
        at_most_seconds=longest,
    )
