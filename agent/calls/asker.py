# SPDX-License-Identifier: GPL-3.0-or-later
"""The voice agent that asked for a handoff: how it is told what became of it, the way it asked."""

from __future__ import annotations

import asyncio
import json
from typing import TypeAlias

from agent.core.errors import StorageError
from agent.core.records import Handoff, Way, Whereabouts
from agent.sip.leg import Leg

_TAKEN = 200
_KEPT = 503

_Failure: TypeAlias = tuple[type[Exception], str]
"""What is raised, and its text. An error itself holds the frames that it came through, and they hold us."""


class Asker:
    """A pending handoff: tells the voice agent what became of it.

    Args:
        handoff: what it asked for.
        leg: the voice agent's leg.
        subscription: of its REFER (RFC 3515); 0 where there is none.
    """

    def __init__(self, handoff: Handoff, leg: Leg | None, subscription: int = 0) -> None:
        loop = asyncio.get_running_loop()
        self.handoff = handoff
        self._leg = leg
        self._subscription = subscription
        self._recorded: asyncio.Future[bool | _Failure] = loop.create_future()
        self._decided: asyncio.Future[bool] = loop.create_future()

    async def recorded(self) -> bool:
        """Wait until it is durable; False when a terminal moment came before.

        Raises:
            StorageError: it could not be recorded.
            RuntimeError: the same, by a mistake of ours.
        """
        outcome = await asyncio.shield(self._recorded)
        if isinstance(outcome, bool):
            return outcome
        kind, text = outcome
        raise kind(text)

    async def decided(self, seconds: float) -> None:
        """Wait, at most so long, until it is decided whether the voice agent keeps the caller."""
        await asyncio.wait((self._decided,), timeout=seconds)

    def resolve(self, outcome: Exception | bool) -> None:  # noqa: FBT001 - one of two outcomes
        """It is durable, or a terminal moment came before, or it could not be recorded."""
        if self._recorded.done():
            return
        if not isinstance(outcome, Exception):
            self._recorded.set_result(outcome)
            return
        if isinstance(outcome, StorageError):
            self._recorded.set_result((StorageError, str(outcome)))
        else:
            self._recorded.set_result((RuntimeError, f"{type(outcome).__name__}: {outcome}"))

    def tell(self, *, taken: bool) -> None:
        """Tell it that the caller goes back, or that it keeps the caller; only the first time counts."""
        if self._decided.done():
            return
        self._decided.set_result(taken)
        if self._leg is None:
            return
        if self.handoff.way is Way.REFER:
            self._leg.notify(self._subscription, _TAKEN if taken else _KEPT)
        elif self.handoff.way is Way.INFO and not taken:  # otherwise our BYE says it
            self._leg.inform(json.dumps({"id": self.handoff.handoff_id, "caller": Whereabouts.KEPT}))


def refuse(leg: Leg, way: Way, subscription: int, caller: Whereabouts) -> None:
    """Tell a voice agent that asked on its leg that no handoff is taken any more, and who has the caller."""
    if way is Way.REFER:
        leg.notify(subscription, _KEPT)
    elif way is Way.INFO:
        leg.inform(json.dumps({"caller": caller}))
