# SPDX-License-Identifier: GPL-3.0-or-later
"""How safe the shared database is: whether it takes writes, and who has a copy of what it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Replication:
    """What one look at a PostgreSQL server has found.

    Attributes:
        primary: whether it takes writes.
        synchronous: whether it lets a commit wait for a standby (`synchronous_standby_names`); None where it
            could not be asked.
        readable: whether our role may read `pg_stat_replication`; what follows is None where it may not.
        synchronous_standbys: standbys that are attached and that commits wait for.
        asynchronous_standbys: attached ones that no commit waits for.
        lag_bytes: of WAL that the last of them has not replayed yet; None without a standby.
        lag_seconds: for how long it is behind, as PostgreSQL measures it; None without a standby.
    """

    primary: bool = False
    synchronous: bool | None = None
    readable: bool | None = None
    synchronous_standbys: int | None = None
    asynchronous_standbys: int | None = None
    lag_bytes: float | None = None
    lag_seconds: float | None = None


NO_DATABASE: Final = Replication()
"""None of the servers takes writes, or none answers."""
