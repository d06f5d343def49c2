# SPDX-License-Identifier: GPL-3.0-or-later
"""The caller's INVITE until its final answer: ring, answer or refuse, and count which it was, once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from agent.core.reasons import Reason
from agent.sip.leg import Leg
from agent.telemetry.metrics import Metrics

_RETRY_SECONDS = "10"


class InviteTransaction:
    """One INVITE that was admitted.

    Args:
        leg: the caller's.
        project: whose call it is, for metrics.
        metrics: told of the outcome.
        arrived: when it came, by the loop's clock.
    """

    def __init__(self, leg: Leg, project: str, metrics: Metrics, arrived: float) -> None:
        self._leg = leg
        self._project = project
        self._metrics = metrics
        self._arrived = arrived
        self._settled = False

    def ring(self, status: int, *, media: bool) -> None:
        """Give the caller a provisional response."""
        self._leg.ring(status, media=media)

    def answer(self, headers: Iterable[tuple[str, str]]) -> bool:
        """Send our 200 with these headers; False when the caller is gone, whose end is then on the way."""
        if not self._leg.answer(headers):
            return False
        self._metrics.call_answered(self._project, asyncio.get_running_loop().time() - self._arrived)
        self.settle(Reason.ANSWERED)
        return True

    def refuse(self, reason: Reason) -> None:
        """Send the reason's final response."""
        self.settle(reason)
        headers = (("Retry-After", _RETRY_SECONDS),) if reason is Reason.NOT_READY else ()
        try:
            self._leg.refuse(reason.code, reason.text, headers)
        except Exception:
            self._leg.give_up()  # nobody waits for an answer that never comes
            raise

    def give_up(self, reason: Reason) -> None:
        """Refuse it, unless it has its final answer."""
        if not self._settled:
            self.refuse(reason)

    def settle(self, result: Reason) -> None:
        """Count what became of it; only the first time counts."""
        if not self._settled:
            self._settled = True
            self._metrics.invite_answered(self._project, result.value)
