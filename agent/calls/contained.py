# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that must end nothing but what they happened in: counted, logged, known to the node's state."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from agent.core.containing import Containing
from agent.core.troubles import Troubles
from agent.telemetry.logs import call_facts, logger
from agent.telemetry.metrics import Metrics

_LOG_SECONDS: Final = 1.0
"""Between two lines of one place: an error may come with each tick, a hundred times a second."""

_log = logger("calls")


class Contained(Containing):
    """Takes what went wrong where nobody else can make anything of it.

    Args:
        metrics: count it.
        clock: seconds that never run backwards.
    """

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock
        self._troubles = Troubles()
        self._logged: dict[str, float] = {}

    @property
    def trouble(self) -> str | None:
        """Why the node is degraded, in one line; None while it is not."""
        return self._troubles.why(self._clock())

    def took(self, where: str, error: BaseException, *, call_id: str = "", project: str = "") -> None:
        """An error was contained.

        Args:
            where: what it happened in; a label, so one of a few words of ours.
            error: what happened.
            call_id: the call that it concerns, if there is one; that of the task when not given.
            project: that call's.
        """
        now = self._clock()
        self._metrics.internal_error(where)
        self._troubles.took(where, now)
        if now - self._logged.get(where, -_LOG_SECONDS) >= _LOG_SECONDS:
            self._logged[where] = now
            of_call = {"call_id": call_id, "project": project} if call_id else call_facts()
            _log.error("an internal error was contained", where=where, **of_call, exc_info=error)

    def of_call(self, call_id: str, project: str) -> ContainedInCall:
        """The same for one call: what went wrong in it is logged with its id."""
        return ContainedInCall(self, call_id, project)


class ContainedInCall(Containing):
    """Takes what went wrong in one call.

    Args:
        contained: takes what went wrong in any.
        call_id: the call's.
        project: that of the call.
    """

    __slots__ = ("_call_id", "_contained", "_project")

    def __init__(self, contained: Contained, call_id: str, project: str) -> None:
        self._contained = contained
        self._call_id = call_id
        self._project = project

    def took(self, where: str, error: BaseException) -> None:
        """An error was contained; see `Contained.took`."""
        self._contained.took(where, error, call_id=self._call_id, project=self._project)
