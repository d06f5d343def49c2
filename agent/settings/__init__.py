# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML files into one frozen, validated snapshot, with file:line:column for each mistake."""

from __future__ import annotations

from agent.settings.changes import Changes, NumberMove, changes
from agent.settings.child import load_in_child
from agent.settings.loader import load
from agent.settings.mistakes import Mistake, Mistakes

__all__ = ["Changes", "Mistake", "Mistakes", "NumberMove", "changes", "load", "load_in_child"]
