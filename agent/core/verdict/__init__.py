# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be said of a call, in sentences for whoever is on duty: by commands and on pages."""

from __future__ import annotations

from agent.core.verdict.sentence import verdict

__all__ = ["verdict"]
