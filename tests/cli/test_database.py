# SPDX-License-Identifier: GPL-3.0-or-later
"""What the doctor says of a database, by what was found there."""

from __future__ import annotations

import pytest

from agent.cli.database import safety_of
from agent.cli.findings import Health
from agent.core.replication import NO_DATABASE, Replication


def _attached(synchronous: int, asynchronous: int, *, waits: bool) -> Replication:
    return Replication(
        primary=True,
        synchronous=waits,
        readable=True,
        synchronous_standbys=synchronous,
        asynchronous_standbys=asynchronous,
        lag_seconds=2.04,
    )


@pytest.mark.parametrize(
    ("found", "health", "said"),
    [
        (NO_DATABASE, Health.FAILED, "takes no writes"),
        (Replication(primary=True, readable=False), Health.NOTE, "commits wait for no standby; whether one"),
        (_attached(1, 0, waits=True), Health.OK, "1 synchronous standby: a failover loses nothing"),
        (_attached(2, 1, waits=True), Health.OK, "2 synchronous standbys: a failover loses nothing"),
        (_attached(0, 1, waits=True), Health.FAILED, "its commits wait for a synchronous standby, and none"),
        (
            _attached(0, 1, waits=False),
            Health.NOTE,
            "1 asynchronous standby, 2.0 s behind: a failover may lose",
        ),
        (_attached(0, 0, waits=False), Health.NOTE, "no standby is attached: its disk is the only copy"),
    ],
)
def test_what_a_failover_would_lose(found: Replication, health: Health, said: str) -> None:
    finding = safety_of(found)
    assert finding.health is health
    assert said in finding.said
