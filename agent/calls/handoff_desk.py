# SPDX-License-Identifier: GPL-3.0-or-later
"""What the handoff API may ask of the running agent; implements `agent.http.ports.ApiDesk`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from agent.calls import transcripts
from agent.calls.register import Register
from agent.calls.services import Services
from agent.configuration import Configuration
from agent.core.call import State, whereabouts
from agent.core.errors import StorageError
from agent.core.model import Project
from agent.core.moments import Moment, SignalState
from agent.core.reasons import End
from agent.core.records import Whereabouts
from agent.core.trace_context import Parent
from agent.delivery.queries import CallQuery, SignalQuery
from agent.delivery.store import HandoffStates
from agent.http.bell import Bell
from agent.http.models import HandoffRequest, SignalStanding, TranscriptRequest
from agent.http.ports import (
    AlreadyEnded,
    HandoffAccepted,
    HandoffOutcome,
    NoSuchCall,
    NotAnswered,
    NotConfigured,
    OnOtherNode,
    TranscriptOutcome,
)

_ENDS = frozenset(end.value for end in End)


class HandoffDesk:
    """Handoffs and transcripts.

    Args:
        register: the calls that are up.
        configuration: in force.
        services: the rest of the agent.
        bell: rung on what requests wait for.
    """

    def __init__(
        self, register: Register, configuration: Configuration, services: Services, bell: Bell
    ) -> None:
        self._register = register
        self._configuration = configuration
        self._services = services
        self._bell = bell

    @property
    def projects(self) -> Mapping[str, Project]:
        """The projects in force."""
        return self._configuration.snapshot.projects

    @property
    def states(self) -> HandoffStates:
        """Where handoffs are read."""
        return self._services.store

    @property
    def bell(self) -> Bell:
        """Rung on what requests wait for."""
        return self._bell

    async def hand_off(
        self,
        account: str,
        project: str,
        request: HandoffRequest,
        wait: float | None,
        parent: Parent | None = None,
    ) -> HandoffOutcome:
        """Hand a live call back; see `agent.http.ports.ApiDesk`."""
        call = self._register.find(account, project, request.call_id, request.contact_id)
        if call is None:
            return await self._not_live(account, project, request)
        if call.state in (State.RECORDING, State.DIALLING):
            return NotAnswered()
        asker = await call.asking.by_http(request, parent)
        if asker is None:
            return AlreadyEnded(call.end, call.handed_off)
        warnings = call.asking.warnings
        seconds = call.asking.longest_decision if wait is None else wait
        if seconds:
            await asker.decided(seconds)
        state = await self._standing(call.record.call_id)
        caller = whereabouts(call.state)
        handoff_id, standing = asker.handoff.handoff_id, cast("SignalStanding", state)
        return HandoffAccepted(handoff_id, standing, caller, warnings)

    async def _standing(self, call_id: str) -> str:
        """Where the signal of a durable handoff stands; that nothing can be read now does not undo it."""
        try:
            told = await self._services.store.signals(SignalQuery(call_id, moment=Moment.HANDOFF))
        except StorageError:
            return SignalState.RECORDED.value
        return told[0].state.value if told else "unsignalled"

    async def whereabouts(self, call_id: str) -> Whereabouts:
        """Where the caller of a handed-off call is."""
        call = self._register.by_id(call_id)
        if call is not None:
            return whereabouts(call.state)
        record = await self._services.store.call(call_id)  # another node may have it up
        if record is None or record.ended is not None or record.state not in tuple(State):
            return Whereabouts.GONE
        return whereabouts(State(record.state))

    async def transcript(self, account: str, project: str, request: TranscriptRequest) -> TranscriptOutcome:
        """Record what was said in a call, live or over; see `agent.calls.transcripts`."""
        known = self._configuration.project(account, project)
        if known is None:
            return NotConfigured()
        return await transcripts.post(self._services.store, self._services.courier, known, request)

    async def _not_live(self, account: str, project: str, request: HandoffRequest) -> HandoffOutcome:
        """Tell a call that is over from one that never was."""
        store = self._services.store
        if request.call_id:
            known = await store.call(request.call_id)
        else:
            found = await store.calls(CallQuery(request.contact_id, limit=1))
            known = found[0] if found else None
        if known is None or (known.account, known.project) != (account, project):
            return NoSuchCall()
        agent = self._configuration.snapshot.agent
        if known.ended is None and agent.fleet is not None and known.node != agent.node:
            settings = self.projects[project].handoff
            return OnOtherNode(known.node, settings.longest_decision)
        if known.end not in _ENDS:
            return AlreadyEnded()
        end = End(known.end)
        first = None
        if end is End.HANDOFF:
            first = await store.handoff_by_key(account, project, handoff_id=known.call_id)
        return AlreadyEnded(end, first.handoff_id if first else "")
