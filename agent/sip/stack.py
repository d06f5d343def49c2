# SPDX-License-Identifier: GPL-3.0-or-later
"""pjsua2 on the asyncio loop: one thread, no queue of commands, no locks.

`agent.sip.pump` polls pjsip; what its callbacks tell is handed on once the native code has returned.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from weakref import ref

import pjsua2

from agent.core.containing import Containing
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
from agent.sip.pump import Pump
from agent.sip.resolver import Hop
from agent.sip.sent_probes import SentProbes
from agent.telemetry.logs import call_facts, enter_call, leave_call, logger

_log = logger("sip")
_RATE_RETRY_SECONDS = 1
_TRACE_RECORDS = 512
_CAUSES = {Reason.DRAINING: 0, Reason.OVER_LIMIT: 1, Reason.NOT_READY: 2}


class Stack:
    """The SIP stack. There can be one per process, ever: pjsip is a library with global state.

    Args:
        settings: the node's settings.
        trace: called with a batch of SIP message records, as the trace in C writes them.
        lag: called each tick with how late the loop was, in seconds.
        contained: takes what goes wrong: pjsip goes on being polled.
    """

    def __init__(
        self,
        settings: Agent,
        trace: Callable[[list[str]], None],
        lag: Callable[[float], None],
        contained: Containing | None = None,
    ) -> None:
        self.account: Any = None
        self._account_number = -1
        self._settings = settings
        self._report: Callable[[on.StackEvent], None] = _unheard
        self._trace = trace
        self._lag = lag
        self._contained = contained or _Logged()
        self._endpoint = pjsua2.Endpoint()
        self._legs: dict[int, Leg] = {}
        self._pump = Pump(self._endpoint, self._hand_on, self._legs.__len__, self._ticked, self._contained)
        self._calls = NativeCalls(self._pump.emit, self._take, self._contained.took)
        self._srtp = settings.media.srtp != "none"
        self._make_audio = partial(BridgeAudio, relays=settings.media.mode != "mix")
        self._closed = False
        self._probes = SentProbes(settings, self._contained)
        self.comfort = Comfort(self._contained.took)

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
        self._pump.begin(ctypes.cast(handle, ctypes.POINTER(ctypes.c_int))[0])

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
        self._pump.end()
        for leg in tuple(self._legs.values()):
            leg.hang_up(at_once=True)
            self._dispose(leg)
        self._pump.forget()
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

    def _take(self, message: Message) -> Leg:
        leg = self._new_leg(dialled=False)
        leg.sip_call_id = message.first("call-id")
        return leg

    def _hand_on(self, event: on.StackEvent) -> None:
        """Tell what an event means, unless it is of a leg whose end was told."""
        if isinstance(event, on.RefusedByStack):
            self._report(event)
        elif (leg := self._legs.get(event.leg)) is not None:
            token = enter_call(leg.facts)
            try:
                told = handed_on(leg, event, srtp=self._srtp)
                if not leg.alive:
                    self._dispose(leg)
                for one in told:
                    self._report(one)
            finally:
                leave_call(token)

    def _new_leg(self, *, dialled: bool) -> Leg:
        """A leg, held until its end is confirmed."""
        leg = Leg(self._make_audio, self._pump.emit, dialled=dialled)
        leg.audio.carried = partial(self._carried, ref(leg))
        if not self._legs:
            self._pump.wake()
        self._legs[leg.key] = leg
        return leg

    def _carried(self, of: ref[Leg], relayed: bool, why: str) -> None:  # noqa: FBT001 - a callback
        if (leg := of()) is None:
            return
        if not relayed and self._settings.media.mode == "relay":
            _log.warning("audio is mixed", why=why, call_id=leg.call_id, project=leg.project)
        self._pump.emit(on.AudioCarried(leg.key, relayed, why))

    def _dispose(self, leg: Leg) -> None:
        """Let go of a leg, and end its native call if that is up."""
        if leg.alive:
            leg.dispose()
        self._calls.forget(leg)
        self._legs.pop(leg.key, None)

    def _ticked(self, late: float) -> None:
        """Look for what C has for us; nothing that goes wrong here ends the ticks."""
        self._contained.run("lag", self._lag, late)
        self._contained.run("probe", self._probes.look)
        self.look_for_messages()

    def look_for_messages(self) -> None:
        """Tell now of the SIP messages that were seen since the last time."""
        self._contained.run("trace", self._tell_of_messages)

    def _tell_of_messages(self) -> None:
        if records := messages.drain(_TRACE_RECORDS):
            self._trace(records)


def _unheard(_: on.StackEvent) -> None:
    """Nothing happens before the start."""


class _Logged(Containing):
    __slots__ = ()

    def took(self, where: str, error: BaseException) -> None:
        _log.error("an internal error was contained", where=where, **call_facts(), exc_info=error)
