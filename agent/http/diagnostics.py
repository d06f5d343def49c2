# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator switches on for a while to look closer, over the operations listener."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from aiohttp import web

from agent.http.log_level import add_log_level


@dataclass(frozen=True)
class Diagnostics:
    """What there is to be switched on.

    Attributes:
        projects: gives the names of the projects that are configured.
    """

    projects: Callable[[], Container[str]]


def add_diagnostics(app: web.Application, diagnostics: Diagnostics) -> None:
    """Add the routes to the application of the operations listener."""
    add_log_level(app, diagnostics.projects)
