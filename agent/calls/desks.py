# SPDX-License-Identifier: GPL-3.0-or-later
"""What the HTTP listeners may ask of the running agent; implements the ports of `agent.http.ports`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, cast

from agent.calls import transcripts
from agent.calls.finder import Finder
from agent.calls.live_call import LiveCall
from agent.calls.maps import Maps
from agent.calls.register import Register
from agent.calls.services import Services
from agent.calls.switchboard import Switchboard
from agent.configuration import Configuration
from agent.core.call import State, whereabouts
from agent.core.errors import StorageError
from agent.core.events import EndAsked
from agent.core.model import Certificate, Project, Snapshot
from agent.core.moments import Moment, SignalState
from agent.core.reasons import End, Reason
from agent.core.records import Signal, Whereabouts
from agent.core.reloads import Cause
from agent.core.trace_context import Parent
from agent.cxone.token import Alarm
from agent.delivery import decisions
from agent.delivery.courier import SignalEvent
from agent.delivery.queries import CallQuery, SignalQuery
from agent.delivery.store import HandoffStates
from agent.http.bell import Bell
from agent.http.models import HandoffRequest, SignalStanding, TranscriptRequest
from agent.http.overview import Overview
from agent.http.ports import (
    AlreadyEnded,
    HandoffAccepted,
    HandoffOutcome,
    NoSuchCall,
    NotAnswered,
    NotConfigured,
    ReloadAnswer,
    TranscriptOutcome,
)
from agent.settings import RESTART
from agent.telemetry.logs import logger

_log = logger("operations")
_ENDS = frozenset(end.value for end in End)
_RENEW_AHEAD_SECONDS = 14 * 86400.0


class Desks:
    """One object for both listeners.

    Attributes:
        maps: the number map.
    """

    def __init__(
        self,
        register: Register,
        switchboard: Switchboard,
        configuration: Configuration,
        services: Services,
        *,
        alarms: Callable[[], Mapping[str, Alarm]],
        signal_events: Callable[[SignalEvent], None],
        bell: Bell,
        overview: Callable[[], Overview],
    ) -> None:
        self._register = register
        self._switchboard = switchboard
        self._configuration = configuration
        self._services = services
        self._alarms = alarms
        self._signal_events = signal_events
        self._bell = bell
        self.maps = Maps(register, configuration)
        self._overview = overview
        self.finder = Finder(
            register,
            switchboard.refusals.newest,
            services.store,
            services.stories,
            configuration.current,
        )

    # -- the handoff API ---------------------------------------------------------------------------------

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
        if known.end not in _ENDS:
            return AlreadyEnded()
        end = End(known.end)
        first = None
        if end is End.HANDOFF:
            first = await store.handoff_by_key(account, project, handoff_id=known.call_id)
        return AlreadyEnded(end, first.handoff_id if first else "")

    # -- operations --------------------------------------------------------------------------------------

    def calls(self) -> list[dict[str, Any]]:
        """The calls that are up."""
        return [_shown(call) for call in self._register.calls()]

    def refused(self) -> list[dict[str, Any]]:
        """The newest INVITEs that were refused, newest first."""
        return [asdict(one) for one in self._switchboard.refusals.newest()]

    async def call(self, call_id: str) -> dict[str, Any] | None:
        """One call, live or over."""
        call = self._register.by_id(call_id)
        if call is not None:
            return _shown(call)
        record = await self._services.store.call(call_id)
        return record.shown() if record else None

    async def hang_up(self, call_id: str) -> bool:
        """End a call; False when no such call is up."""
        call = self._register.by_id(call_id)
        if call is None:
            return False
        call.handle(EndAsked(Reason.OPERATOR))
        return True

    def story(self, call_id: str) -> list[dict[str, Any]] | None:
        """A call's time line."""
        entries = self._services.stories.story(call_id)
        return None if entries is None else [entry.shown() for entry in entries]

    async def signals(self, query: SignalQuery) -> Sequence[Signal]:
        """Signals, newest first."""
        return await self._services.store.signals(query)

    async def signal(self, signal_id: str) -> Signal | None:
        """One signal."""
        return await self._services.store.signal(signal_id)

    async def retry_signal(self, signal_id: str, by: str, *, confirmed: bool) -> Signal:
        """Send a settled signal again; see `agent.delivery.decisions.retry`."""
        signal = await decisions.retry(
            self._services.store,
            signal_id,
            by=by,
            confirmed=confirmed,
            project_of=self._configuration.project,
            now=time.time(),
        )
        self._tell(signal)
        self._services.courier.begin(signal)
        return signal

    async def discard_signal(self, signal_id: str, by: str) -> Signal:
        """Cancel a signal that waits; see `agent.delivery.decisions.discard`."""
        signal = await decisions.discard(self._services.store, signal_id, by=by, now=time.time())
        self._services.courier.withdraw(signal_id)
        self._tell(signal)
        return signal

    def _tell(self, signal: Signal) -> None:
        """Put an operator's decision into the story, the log and the metrics."""
        decision = signal.attempts[-1]
        _log.warning(
            "an operator decided about a signal",
            signal_id=signal.signal_id,
            call_id=signal.call_id,
            project=signal.project,
            contact_id=signal.contact_id,
            decision=decision.outcome,
            detail=decision.detail,
        )
        self._signal_events(SignalEvent(signal, decision))

    def readiness(self) -> tuple[bool, str]:
        """Whether new calls are taken, and why."""
        status = self._switchboard.status
        return status.ready, status.reason

    def alarms(self) -> list[dict[str, Any]]:
        """What somebody has to see to: projects without signals, certificates that end soon."""
        projects = [
            {"project": name, "error": alarm.error, "text": alarm.text, "since": alarm.since}
            for name, alarm in self._alarms().items()
        ]
        return [*projects, *expiring(self._configuration.snapshot.certificates, time.time())]

    async def reload(self, *, confirmed: bool, cause: Cause) -> ReloadAnswer:
        """Load the configuration again."""
        done = await self._configuration.reload(confirmed=confirmed, cause=cause)
        return ReloadAnswer(done.result, done.mistakes, done.changes, done.restart)

    def fingerprint(self) -> str:
        """That of what is in force and shared by a fleet."""
        return self._configuration.snapshot.shared_shown

    def kept_out(self) -> ReloadAnswer | None:
        """The last reload, when it left what is on disk out of force."""
        last = self._configuration.last
        if last is None or not last.kept_out:
            return None
        return ReloadAnswer(last.result, last.mistakes)

    def node_name(self) -> str:
        """The node's name."""
        return self._configuration.snapshot.agent.node

    def overview(self) -> Overview:
        """The node as it is now."""
        return self._overview()

    def snapshot(self) -> Snapshot:
        """The configuration in force."""
        return replace(self._configuration.snapshot, written=self._configuration.written)

    def restart_waits(self) -> Sequence[str]:
        """Keys whose new value waits for the next start."""
        last = self._configuration.last
        return () if last is None else last.restart

    def restart_keys(self) -> Sequence[str]:
        """First words of keys that are read at the start alone."""
        return RESTART

    def drain(self) -> None:
        """Take no new calls from now on."""
        self._switchboard.drain()

    def end_drain(self) -> bool:
        """Take calls again; False when the process was told to end."""
        return self._switchboard.end_drain()

    def numbers_shown(self) -> bool:
        """Whether phone numbers are shown as they are: by the rule for logs."""
        return self._configuration.snapshot.agent.log.numbers == "shown"

    def metrics(self) -> bytes:
        """All metrics."""
        return self._services.metrics.render()[0]


def _shown(call: LiveCall) -> dict[str, Any]:
    return {**call.record.shown(), "state": call.state.value}


def expiring(certificates: Mapping[str, Certificate], now: float) -> Iterator[dict[str, Any]]:
    """An alarm for each certificate in its last days."""
    for name, certificate in certificates.items():
        if certificate.until - now < _RENEW_AHEAD_SECONDS:
            expired = certificate.until <= now
            when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(certificate.until))
            yield {
                "certificate": name,
                "error": "certificate_expired" if expired else "certificate_expires",
                "text": f"the certificate of {name} {'expired' if expired else 'expires'} on {when} UTC: "
                "renew its files and reload",
                "since": certificate.until - _RENEW_AHEAD_SECONDS,
            }
