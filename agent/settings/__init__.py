# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML files into one frozen, validated snapshot, with file:line:column for each mistake."""

from __future__ import annotations

from agent.settings.changes import (
    RESTART,
    Changes,
    NumberMove,
    Summary,
    as_it_runs,
    changes,
    restart_needed,
)
from agent.settings.child import load_in_child
from agent.settings.handover import Fresh
from agent.settings.loader import load
from agent.settings.mistakes import Mistake, Mistakes
from agent.settings.watch import Watch

__all__ = [
    "RESTART",
    "Changes",
    "Fresh",
    "Mistake",
    "Mistakes",
    "NumberMove",
    "Summary",
    "Watch",
    "as_it_runs",
    "changes",
    "load",
    "load_in_child",
    "restart_needed",
]
