# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of the log's level: another one for a while, of the node or one project, and back."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any, Final

from aiohttp import web

from agent.http.audited import DEED
from agent.http.console.forms import Form
from agent.http.identity import named
from agent.telemetry import logs
from agent.telemetry.levels import LEVELS, LONGEST_SECONDS, USUAL_SECONDS

_NORMAL: Final = "normal"
_MINUTE: Final = 60.0
_MOST: Final = LONGEST_SECONDS / _MINUTE


class LogLevelForm:
    """What it shows and does.

    Args:
        projects: gives the names of those that are configured.
    """

    def __init__(self, projects: Callable[[], Container[str]]) -> None:
        self._projects = projects

    def shown(self, given: Mapping[str, str]) -> dict[str, Any]:
        """What is in force, and what was given and could not be done (``said`` tells why)."""
        usual = {"level": "debug", "project": "", "minutes": f"{USUAL_SECONDS / _MINUTE:g}", "said": ""}
        return {
            "configured": logs.level_configured(),
            "for_a_while": logs.levels_shown(),
            "choices": (*LEVELS, _NORMAL),
            "given": {**usual, "why": "", "by": "", **given},
        }

    def set(self, request: web.Request, form: Form) -> None:
        """Set a level as the form says.

        Raises:
            ValueError: a field can't be used.
        """
        project, by = form["project"].strip(), named(request, form["by"])
        request[DEED]["about"] = project
        if form["level"] == _NORMAL:  # also of a project that is configured no more
            logs.level_back(project, by=by)
            request[DEED]["outcome"] = "as configured"
            return
        level = next((one for one in LEVELS if one == form["level"]), None)
        if level is None:
            raise ValueError(f"Choose one of {', '.join(LEVELS)}, {_NORMAL}")
        if project and project not in self._projects():
            raise ValueError(f"There is no project {project!r}")
        seconds = _seconds(form["minutes"].strip())
        logs.change_level(level, seconds, project=project, by=by)
        request[DEED]["outcome"] = f"{level} for {seconds:g} s"


def _seconds(minutes: str) -> float:
    try:
        found = float(minutes) * _MINUTE
    except ValueError:
        found = 0.0
    if not 0 < found <= LONGEST_SECONDS:
        raise ValueError(f"{minutes!r} is no number of minutes up to {_MOST:g}: write 15")
    return found
