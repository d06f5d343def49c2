# SPDX-License-Identifier: GPL-3.0-or-later
"""What `agent.delivery.schema.child` runs: takes the steps that a storage lacks, or says why not."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Any

from agent.delivery.postgres_servers import Servers
from agent.delivery.schema import LOCK_WAIT_SECONDS
from agent.delivery.schema.steps import upgrade_postgresql, upgrade_sqlite

_SQLITE = "sqlite://"


def take(storage: str) -> None:
    """Take the steps, here. Blocks, outside of an event loop."""
    if storage.startswith(_SQLITE):
        upgrade_sqlite(Path(storage.removeprefix(_SQLITE)), LOCK_WAIT_SECONDS)
    else:
        asyncio.run(upgrade_postgresql(partial(_connect, storage)))


def main(storage: str) -> int:
    """Take them; 1 when it can't be done, which is told on standard output."""
    try:
        take(storage)
    except Exception as error:  # noqa: BLE001 - whoever asked must get one line, whatever it is
        print(" ".join(str(error).split()) or type(error).__name__)  # noqa: T201 - this is the answer
        return 1
    return 0


async def _connect(url: str) -> Any:  # noqa: ANN401 - asyncpg has no types
    return await Servers(url).connect()


if __name__ == "__main__":
    sys.exit(main(sys.stdin.read()))
