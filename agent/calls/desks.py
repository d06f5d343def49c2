# SPDX-License-Identifier: GPL-3.0-or-later
"""What the HTTP listeners may ask of the running agent; implements the ports of `agent.http.ports`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from agent.calls.finder import Finder
from agent.calls.handoff_desk import HandoffDesk
from agent.calls.live_call import LiveCall
from agent.calls.maps import Maps
from agent.calls.register import Register
from agent.calls.services import Services
from agent.calls.switchboard import Switchboard
from agent.configuration import Configuration
from agent.core.events import EndAsked
from agent.core.model import Certificate, Snapshot
from agent.core.reasons import Reason
from agent.core.records import Signal
from agent.core.reloads import Cause
from agent.cxone.token import Alarm
from agent.delivery import decisions
from agent.delivery.courier import SignalEvent
from agent.delivery.queries import SignalQuery
from agent.http.bell import Bell
from agent.http.call_finder import CallFinder
from agent.http.fleet_calls import FleetFinder
from agent.http.neighbours import Neighbours
from agent.http.overview import Overview
from agent.http.ports import ReloadAnswer
from agent.settings import RESTART
from agent.telemetry.logs import logger

_log = logger("operations")
_RENEW_AHEAD_SECONDS = 14 * 86400.0


class Desks(HandoffDesk):
    """One object for both listeners: the handoff API's part, and the operations.

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
        neighbours: Neighbours | None = None,
    ) -> None:
        super().__init__(register, configuration, services, bell)
        self._switchboard = switchboard
        self._alarms = alarms
        self._signal_events = signal_events
        self.maps = Maps(register, configuration)
        self._overview = overview
        own = Finder(
            register,
            switchboard.refusals.newest,
            services.store,
            services.stories,
            configuration.current,
        )
        self.finder: CallFinder = own if neighbours is None else FleetFinder(own, neighbours)

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
