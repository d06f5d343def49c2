# SPDX-License-Identifier: GPL-3.0-or-later
"""What the doctor says of the shared database: whether it takes writes, and what a failover would lose."""

from __future__ import annotations

from agent.cli.findings import Finding, Health
from agent.core.replication import Replication


def safety_of(found: Replication) -> Finding:
    """How safe what is recorded there is."""
    if not found.primary:
        return _found(
            Health.FAILED,
            "the database answers, but takes no writes",
            "it is a standby, or read-only",
            "name all servers in storage, with ?target_session_attrs=read-write",
        )
    if not found.readable:
        waits = "commits wait for a standby" if found.synchronous else "commits wait for no standby"
        return _found(
            Health.NOTE,
            f"the database answers; {waits}; whether one is attached can't be told",
            "the role may not read pg_stat_replication",
            "GRANT pg_monitor to it",
        )
    waited_for, others = found.synchronous_standbys or 0, found.asynchronous_standbys or 0
    if found.synchronous and not waited_for:
        return _found(
            Health.FAILED,
            "the database answers; its commits wait for a synchronous standby, and none is attached",
            "the standby is down, or has another application_name",
            "bring it back, or see synchronous_standby_names",
        )
    if waited_for:
        said = (
            f"the database answers; {_standbys(waited_for, 'synchronous')}: a failover loses nothing recorded"
        )
        return _found(Health.OK, said)
    if others:
        behind = f"{found.lag_seconds or 0:.1f} s behind"
        return _found(
            Health.NOTE,
            f"the database answers; {_standbys(others, 'asynchronous')}, {behind}: "
            "a failover may lose what was recorded last",
            "synchronous_standby_names is empty",
            "set it where no signal may be lost or sent twice",
        )
    return _found(Health.NOTE, "the database answers; no standby is attached: its disk is the only copy")


def _standbys(count: int, kind: str) -> str:
    return f"{count} {kind} standby{'s' if count > 1 else ''}"


def _found(health: Health, said: str, cause: str = "", remedy: str = "") -> Finding:
    return Finding("machine", "storage", health, said, cause, remedy)
