# SPDX-License-Identifier: GPL-3.0-or-later
"""The handoff of one call: the voice agent asks for it, and is told what became of that."""

from __future__ import annotations

import time
from collections.abc import Mapping

from agent.calls.asker import Asker, refuse
from agent.calls.parts import Parts
from agent.core import events as on
from agent.core import story
from agent.core.asking import Ask
from agent.core.call import whereabouts
from agent.core.records import Handoff, Way
from agent.core.sides import Side
from agent.core.trace_context import Parent
from agent.identifiers import fresh


class Asking:
    """Takes what the voice agent of one call asks for, by HTTP or on its leg.

    Args:
        parts: the call.
    """

    def __init__(self, parts: Parts) -> None:
        self._call = parts
        self._settings = parts.brief.admitted.project.handoff
        self._asker: Asker | None = None

    @property
    def handoff(self) -> Handoff | None:
        """What was asked for last, unless it could not be recorded and may be asked for again."""
        return self._asker.handoff if self._asker else None

    @property
    def asker(self) -> Asker | None:
        """Who asked for that."""
        return self._asker

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the voice agent's BYE or REFER that ask for a handoff: field → name."""
        return self._settings.headers

    @property
    def warnings(self) -> tuple[tuple[str, str], ...]:
        """What had to be cut of the handoff's p1..p9: the name, and what became of it."""
        return self._call.record.warnings

    @property
    def longest_decision(self) -> float:
        """How long it may take, in seconds, until it is known who has the caller; 0 where that is certain."""
        return self._settings.longest_decision

    async def by_http(self, ask: Ask, parent: Parent | None = None) -> Asker | None:
        """The voice agent asks by HTTP; `parent` is its span that the request is part of.

        Returns:
            Who waits for it, once handoff and signal are durable; None when a terminal moment came before.

        Raises:
            StorageError: they could not be made durable; the call goes on as it was.
        """
        if parent is not None:
            self._call.note("decision", f"{story.ASKED_WITHIN}{parent}")
        asker = self._ask(ask, Way.HTTP)
        return asker if asker is not None and await asker.recorded() else None

    def on_leg(self, ask: Ask, way: Way, *, refer_to: str = "", subscription: int = 0) -> None:
        """The voice agent asks on its leg: by REFER, INFO or BYE."""
        call = self._call
        call.note("decision", f"the voice agent asks for a handoff by {way.value.upper()}")
        if self._ask(ask, way, refer_to=refer_to, subscription=subscription) is None:
            state = call.machine.state
            call.note("decision", f"no handoff any more: the call is {state.value}")
            if (leg := call.legs.legs.get(Side.AGENT)) is not None:
                refuse(leg, way, subscription, whereabouts(state))

    def _ask(self, ask: Ask, way: Way, *, refer_to: str = "", subscription: int = 0) -> Asker | None:
        call = self._call
        if not call.machine.takes_handoff:
            return None
        handoff_id = f"h-{fresh()}"
        handoff = call.brief.handoff(ask, way, handoff_id, time.time(), refer_to=refer_to)
        if refer_to and not handoff.target:
            call.note("decision", f"Refer-To {refer_to} is not dialled: the project's own target counts")
        asker = self._asker = Asker(handoff, call.legs.legs.get(Side.AGENT), subscription)
        call.handle(on.HandoffAsked(handoff))
        return asker

    def tell_uui_left_out(self) -> None:
        """Say in the story that User-to-User information (RFC 7433) went no further, and what to write."""
        advice = "name it in handoff.headers to read it; handoff.transfer_headers is what the target gets"
        self._call.note("decision", f"User-to-User in Refer-To is not carried on: {advice}")

    def forget(self) -> None:
        """It could not be recorded: the voice agent may ask again."""
        self._asker = None

    def report(self, *, taken: bool) -> None:
        """Tell whoever asked that the caller goes back, or that the voice agent keeps the caller."""
        if self._asker is None:
            return
        if not taken:
            self._call.note("decision", "the voice agent is told that it keeps the caller")
        self._asker.tell(taken=taken)

    def broke(self, error: Exception) -> None:
        """The call can't go on, by a mistake of ours: who waits for its handoff's record gets the error."""
        if self._asker is not None:
            self._asker.resolve(error)
        self.close()

    def close(self) -> None:
        """The call is over: whoever asked and was told nothing is told that the caller is gone."""
        if self._asker is not None:
            self._asker.tell(taken=False)
