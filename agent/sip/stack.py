# SPDX-License-Identifier: GPL-3.0-or-later
"""pjsua2 on the asyncio loop: one thread, no queue of commands, no locks.

pjsip's epoll descriptor is watched by the loop, and a tick drives pjsip's own timers, every 10 ms while there
are calls. Native callbacks queue plain events; they are handed on once the native code has returned.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ParamSpec
from weakref import ref

import pjsua2

from agent.core.errors import SipError
from agent.core.headers import Message
from agent.core.listening import with_remedy
from agent.core.model import Agent, Latch
from agent.core.node import NodeStatus
from agent.core.reasons import Reason
from agent.core.uris import SipUri
from agent.sip import events as on
from agent.sip import guard, native, relay
from agent.sip import trace as messages
from agent.sip.bridge import BridgeAudio
from agent.sip.handing_on import handed_on
from agent.sip.leg import Leg
from agent.sip.native_calls import NativeCalls
from agent.sip.players import Comfort
from agent.sip.resolver import Hop
from agent.sip.sent_probes import SentProbes
from agent.telemetry.logs import call_facts, enter_call, leave_call, logger

_Given = ParamSpec("_Given")
_log = logger("sip")
_TICK_SECONDS = 0.01
_IDLE_TICK_SECONDS = 0.1  # without calls only transactions have timers, the shortest of half a second
_RATE_RETRY_SECONDS = 1
_TRACE_RECORDS = 512
_CAUSES = {Reason.DRAINING: 0, Reason.OVER_LIMIT: 1, Reason.NOT_READY: 2}


class Stack:
    """The SIP stack. There can be one per process, ever: pjsip is a library with global state.

    Args:
        settings: the node's settings.
        trace: called with a batch of SIP message records, as the trace in C writes them.
        lag: called each tick with how late the loop was, in seconds.
        took: told of errors that were contained, and of what they happened in: pjsip goes on being polled.
    """

    def __init__(
        self,
        settings: Agent,
        trace: Callable[[list[str]], None],
        lag: Callable[[float], None],
        took: Callable[[str, Exception], None] | None = None,
    ) -> None:
        self.account: Any = None
        self._account_number = -1
        self._settings = settings
        self._report: Callable[[on.StackEvent], None] = _unheard
        self._trace = trace
        self._lag = lag
        self.took = took or _logged
        self._loop = asyncio.get_running_loop()
        self._endpoint = pjsua2.Endpoint()
        self._calls = NativeCalls(self.emit, self._take, self.took)
        self._srtp = settings.media.srtp != "none"
        self._make_audio = partial(BridgeAudio, relays=settings.media.mode != "mix")
        self._events: deque[on.StackEvent] = deque()
        self._legs: dict[int, Leg] = {}
        self._descriptor = -1
        self._timer: asyncio.TimerHandle | None = None
        self._scheduled = False
        self._polling = False
        self._draining = False
        self._closed = False
        self._probes = SentProbes(settings, self._loop, self._contain)
        self.comfort = Comfort(self.took)

    # -- life ----------------------------------------------------------------------------------------------

    def start(self, report: Callable[[on.StackEvent], None], doors: guard.Doors) -> None:
        """Open the listeners and take calls.

        Args:
            report: called with each `StackEvent`, on the loop, never inside native code.
            doors: who may send requests.

        Raises:
            SipError: a port is taken, a certificate can't be read, or this pjsua2 is too small.
        """
        self._report = report
        native.require_capacity(self._settings.limits.calls)
        pjsua2.handoff_guard_quiet()
        try:
            self._endpoint.libCreate()
            self._endpoint.libInit(native.endpoint_config(self._settings))
            self._endpoint.audDevManager().setNullDev()
            guard.install(doors)
            self._calls.listen()
            relay.install()
            for listen in self._settings.sip.listen:
                self._open(listen)
            if fault := native.renew_certificates():
                raise SipError(f"sip.tls can't be used: {fault}")
            self._endpoint.libStart()
            guard.names_of_ours = guard.names_refused()
            native.choose_codecs(self._endpoint, self._settings.media.codecs)
            self.account = native.account(self._settings)
            self._account_number = int(self.account.getId())
        except pjsua2.Error as error:
            raise SipError(f"the SIP stack does not start: {error.reason} ({error.title})") from None
        handle = int(self._endpoint.libGetSipIoqueueHandle())
        self._descriptor = ctypes.cast(handle, ctypes.POINTER(ctypes.c_int))[0]
        self._loop.add_reader(self._descriptor, self._poll)
        self._tick(self._loop.time())

    def _open(self, listen: Any) -> None:
        kind, config = native.transport(self._settings, listen)
        try:
            self._endpoint.transportCreate(kind, config)
        except pjsua2.Error as error:
            where = f"{listen.transport}://{listen.host}:{listen.port}"
            raise SipError(f"can't listen on {where}: {with_remedy(error.reason)}") from None

    def apply(self, status: NodeStatus) -> None:
        """Let the guard answer OPTIONS and new INVITEs by this state."""
        if self._closed:
            return
        cause = _CAUSES.get(status.refusal, 2) if status.refusal else 0
        pjsua2.handoff_guard_set_cause(cause)
        # A ready node still refuses what is beyond its rate: for that, a second is long enough.
        pjsua2.handoff_guard_set_state(int(status.ready), status.retry_after or _RATE_RETRY_SECONDS)

    def renew_certificates(self) -> str:
        """Use what is in the files of sip.tls for handshakes from now on; connections stay as they are.

        Returns:
            Why that can't be done, in which case the old certificates stay in use; or nothing.
        """
        return "the SIP stack has ended" if self._closed else native.renew_certificates()

    def let_in(self, doors: guard.Doors) -> None:
        """Take requests from these from now on; raises `SipError` when the guard won't."""
        if not self._closed:
            guard.use(doors)

    def close(self) -> None:
        """End everything, also what came up only in part; calls that are left are hung up without waiting."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
        if self._timer is not None:
            self._timer.cancel()
        for leg in tuple(self._legs.values()):
            leg.hang_up(at_once=True)
            self._dispose(leg)
        self._events.clear()
        self.comfort.close()
        if self.account is not None:
            self.account.shutdown()
            self.account = None
        # Nothing that comes late may reach native code that is gone: a reload, a call's timer, the storage.
        self._closed = native.closed = True
        self._endpoint.libDestroy()

    # -- legs ----------------------------------------------------------------------------------------------

    def dial(
        self,
        target: SipUri,
        hop: Hop,
        headers: Iterable[tuple[str, str]],
        *,
        local_user: str,
        max_forwards: int,
        latch: Latch = "strict",
        others: Iterable[Hop] = (),
        codec: str = "",
    ) -> Leg:
        """A new leg towards `target` from `local_user`, its INVITE sent to the address `hop`.

        `latch` says whose RTP is taken; requests of the far end may come from any of the `others`, too.
        `codec` is offered first, whatever the node's order: that of the leg whose audio this one shares.

        Raises:
            SipError: the stack would not send it.
        """
        native.require_open()
        leg = self._new_leg(dialled=True)
        leg.latch = latch
        local_uri = f"<sip:{local_user}@{native.host_towards(self._settings, hop)}>"
        account = self._account_number

        def dial() -> int:
            return leg.dial(account, target.text, headers, local_uri=local_uri, max_forwards=max_forwards)

        try:
            with (
                native.pinned(target, hop),
                native.preferring(self._endpoint, codec, self._settings.media.codecs),
            ):
                self._calls.dial(leg, dial)
            leg.heeds(other.address for other in others)
        except SipError:
            self._dispose(leg)
            raise
        return leg

    def leg(self, key: int) -> Leg:
        """The leg that an event tells of; it is there until its end is reported."""
        return self._legs[key]

    def probe(self, target: SipUri, hop: Hop, seconds: float, done: Callable[[int], None]) -> None:
        """Send OPTIONS to the address `hop` of `target`; see `SentProbes.send`.

        Raises:
            SipError: the stack would not send it.
        """
        native.require_open()
        self._probes.send(target, hop, seconds, done)

    @property
    def legs_alive(self) -> int:
        """Legs whose end has not been reported."""
        return len(self._legs)

    def native_calls(self) -> int:
        """Call slots that pjsua holds; those of ended calls linger until their last transaction is over."""
        return native.call_count()

    def rest(self) -> None:
        """Give back what calls have used, if there is none."""
        if not self._closed and not self._legs:
            pjsua2.handoff_calls_rest()

    # -- events --------------------------------------------------------------------------------------------

    def emit(self, event: on.StackEvent) -> None:
        """Queue an event of a native callback."""
        self._events.append(event)
        self._schedule()

    def _take(self, message: Message) -> Leg:
        leg = self._new_leg(dialled=False)
        leg.sip_call_id = message.first("call-id")
        return leg

    def _schedule(self) -> None:
        # A native call made by our own code may call back at once, outside the poll. What an event leads to
        # is handed on behind it.
        if not (self._polling or self._scheduled or self._draining):
            self._scheduled = True
            self._loop.call_soon(self._drain)

    def _poll(self) -> None:
        self._polling = True
        try:
            self._endpoint.libHandleEvents(0)
            pjsua2.handoff_calls_deliver()
        except Exception as error:  # noqa: BLE001 - what came with it is told all the same
            self.took("poll", error)
        finally:
            self._polling = False
        if self._events:
            self._drain()

    def _drain(self) -> None:
        self._scheduled, self._draining = False, True
        try:
            while self._events:
                event = self._events.popleft()
                leg = self._legs.get(event.leg)
                try:
                    if isinstance(event, on.RefusedByStack):
                        self._report(event)
                    elif leg is not None:
                        self._hand_on(leg, event)
                except Exception as error:  # noqa: BLE001 - what is behind it waits
                    self.took("event", error)
        finally:
            self._draining = False

    def _hand_on(self, leg: Leg, event: on.LegEvent) -> None:
        token = enter_call(leg.facts)
        try:
            told = handed_on(leg, event, srtp=self._srtp)
            if not leg.alive:
                self._dispose(leg)
            for one in told:
                self._report(one)
        finally:
            leave_call(token)

    def _contain(
        self, where: str, work: Callable[_Given, object], *args: _Given.args, **options: _Given.kwargs
    ) -> None:
        """Do something that ends nothing else, whatever goes wrong in it."""
        try:
            work(*args, **options)
        except Exception as error:  # noqa: BLE001 - what is behind it waits
            self.took(where, error)

    def _new_leg(self, *, dialled: bool) -> Leg:
        """A leg, held until its end is confirmed."""
        leg = Leg(self._make_audio, self.emit, dialled=dialled)
        leg.audio.carried = partial(self._carried, ref(leg))
        if not self._legs and self._timer is not None:  # no longer idle
            self._timer.cancel()
            due = self._loop.time() + _TICK_SECONDS
            self._timer = self._loop.call_at(due, self._tick, due)
        self._legs[leg.key] = leg
        return leg

    def _carried(self, of: ref[Leg], relayed: bool, why: str) -> None:  # noqa: FBT001 - a callback
        if (leg := of()) is None:
            return
        if not relayed and self._settings.media.mode == "relay":
            _log.warning("audio is mixed", why=why, call_id=leg.call_id, project=leg.project)
        self.emit(on.AudioCarried(leg.key, relayed, why))

    def _dispose(self, leg: Leg) -> None:
        """Let go of a leg, and end its native call if that is up."""
        if leg.alive:
            leg.dispose()
        self._calls.forget(leg)
        self._legs.pop(leg.key, None)

    def _tick(self, due: float) -> None:
        """Drive pjsip's timers, and look for what C has for us. Nothing that goes wrong here ends it."""
        now = self._loop.time()
        late, due = max(0.0, now - due), max(now, due) + self._step
        self._timer = self._loop.call_at(due, self._tick, due)
        self._contain("lag", self._lag, late)
        self._contain("tick", self._poll)
        self._contain("probe", self._probes.look)
        self.look_for_messages()

    @property
    def _step(self) -> float:
        return _TICK_SECONDS if self._legs or native.call_count() else _IDLE_TICK_SECONDS

    def look_for_messages(self) -> None:
        """Tell now of the SIP messages that were seen since the last time."""
        self._contain("trace", self._tell_of_messages)

    def _tell_of_messages(self) -> None:
        if records := messages.drain(_TRACE_RECORDS):
            self._trace(records)


def _unheard(_: on.StackEvent) -> None:
    """Nothing happens before the start."""


def _logged(where: str, error: Exception) -> None:
    _log.error("an internal error was contained", where=where, **call_facts(), exc_info=error)
