# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator switches on for a while to look closer, over the operations listener."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from aiohttp import web

from agent.http.captures import add_captures
from agent.http.log_level import add_log_level
from agent.telemetry.captures import Captures


@dataclass(frozen=True)
class Diagnostics:
    """What there is to be switched on.

    Attributes:
        projects: gives the names of the projects that are configured.
        captures: of the running agent; None: there can be none.
        numbers_shown: whether phone numbers are shown as they are.
    """

    projects: Callable[[], Container[str]]
    captures: Captures | None = None
    numbers_shown: Callable[[], bool] = bool


def add_diagnostics(app: web.Application, diagnostics: Diagnostics) -> None:
    """Add the routes to the application of the operations listener."""
    add_log_level(app, diagnostics.projects)
    if diagnostics.captures is not None:
        add_captures(app, diagnostics.captures, diagnostics.projects, diagnostics.numbers_shown)
