# SPDX-License-Identifier: GPL-3.0-or-later
"""One leg: a SIP dialog with its audio stream, and what plays towards it.

The native call under a leg is a number, which is another call's later: it is forgotten the moment that the
call's end is told. Nothing acts on a call from inside of what it tells (`agent.sip.native_calls`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import pjsua2

from agent.core.errors import SipError
from agent.core.headers import writable
from agent.core.links import back
from agent.core.model import Latch
from agent.sip import events as on
from agent.sip import native
from agent.sip.audio import LegAudio
from agent.sip.leg_state import LegState
from agent.sip.players import Player, Recording
from agent.sip.presses import Presses
from agent.sip.traffic import Traffic
from agent.telemetry.logs import logger

_log = logger("sip")
_OK = 200
_RINGING = 180
_SESSION_PROGRESS = 183
_SERVER_INTERNAL_ERROR = 500
_SERVICE_UNAVAILABLE = 503
_LATCHES: dict[Latch, int] = {"strict": 0, "once": 1, "off": 2}
_NOTIFY_SECONDS = 2.0


class Leg(LegState):
    """A SIP leg. Made by the stack, for an incoming INVITE or to dial.

    Args:
        audio: makes what carries its audio.
        emit: queues an event.
        dialled: whether it is for us to dial.

    Attributes:
        presses: the key that its far end holds down.
    """

    def __init__(
        self, audio: Callable[[str], LegAudio], emit: Callable[[on.LegEvent], None], *, dialled: bool
    ) -> None:
        super().__init__(audio)
        self._emit = emit
        self.dialled = dialled
        self._rung: tuple[int, bool] | None = None
        self.presses = Presses(back(self._pressed))
        self._notifying = False
        self._leave: Callable[[], None] | None = None  # a BYE that waits
        self._afterwards: list[Callable[[], None]] = []  # what waits for that BYE

    # -- signalling ----------------------------------------------------------------------------------------

    def dial(
        self, account: int, uri: str, headers: Iterable[tuple[str, str]], *, local_uri: str, max_forwards: int
    ) -> int:
        """Send an INVITE.

        Args:
            account: pjsua's, that the call belongs to.
            uri: the Request-URI, and To; it goes out as it is (RFC 3261 section 8.1.1.1).
            headers: added to the INVITE; one that can't be written is left out.
            local_uri: the From header's URI, or "" for the node's own.
            max_forwards: hops left (RFC 3261 section 20.22).

        Returns:
            Pjsua's number of the call; negative when the stack would not send it: the leg is to be let go of.
        """
        lines = f"{_lines(headers)}Max-Forwards:{max_forwards}\n"
        # bare, its parameters would be those of To
        return int(pjsua2.handoff_call_dial(account, f"<{uri}>", local_uri, lines, _LATCHES[self.latch]))

    def heeds(self, addresses: Iterable[str]) -> None:
        """Take requests of the far end from these addresses too, once it was dialled."""
        self._require_number()
        pjsua2.handoff_leg_hosts(self.number, " ".join(addresses))

    def ring(self, status: int, *, media: bool) -> None:
        """Give the caller a provisional response; with `media` it carries our SDP and audio may flow.

        pjsua answers SDP with a 183 only, so early media is always announced by one. What the caller has
        been told last is not told again: each may be a response that it must acknowledge (RFC 3262).
        """
        if media:
            status = _SESSION_PROGRESS
        elif status == _SESSION_PROGRESS:
            status = _RINGING
        if (status, media) != self._rung:
            self._rung = status, media
            self._answer(status, ())

    def answer(self, headers: Iterable[tuple[str, str]] = ()) -> bool:
        """Send our 200 with SDP and these headers; False when a CANCEL was quicker."""
        return self._answer(_OK, headers)

    def refuse(self, status: int, text: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Answer the INVITE with a final error response."""
        self._end(status, text, headers)

    def hang_up(self, headers: Iterable[tuple[str, str]] = (), *, at_once: bool = False) -> None:
        """End the leg by CANCEL, BYE with these headers or a final response, as is needed. Idempotent.

        A BYE waits for the answer to the last NOTIFY, though not for long, unless it must go `at_once`: sent
        together, the far end may get it first.
        """
        if not self._notifying or at_once:
            self._end(0, "", headers)
        elif self._leave is None:
            kept, self.leaving, self.takes_handoffs = tuple(headers), True, False
            self._leave = lambda: self._end(0, "", kept)
            asyncio.get_running_loop().call_later(_NOTIFY_SECONDS, self._depart)

    def when_left(self, then: Callable[[], None]) -> None:
        """Call `then` once a BYE that waits is on its way; at once where none does."""
        if self._leave is None:
            then()
        else:
            self._afterwards.append(then)

    def _depart(self) -> None:
        leave, self._leave = self._leave, None
        self._notifying = False  # answered, or waited for long enough
        if leave is not None:
            leave()
        waiting, self._afterwards = self._afterwards, []
        for then in waiting:
            then()

    def give_up(self) -> None:
        """Tell that the leg is over though it can't be ended: the stack lets go of it, and that ends it."""
        if self.alive:
            self.leaving = True
            self._emit(on.Ended(self.key, _SERVICE_UNAVAILABLE, "given up"))

    def refer(self, uri: str, headers: Iterable[tuple[str, str]]) -> None:
        """Ask the far end to go to `uri` (REFER, RFC 3515); `TransferProgress` tells what became of it.

        The stack adds Referred-By (RFC 3892) with our own identity.

        Raises:
            SipError: the stack would not send it.
        """
        self._require_number()
        if pjsua2.handoff_call_refer(self.number, f"<{uri}>", _lines(headers)) != 0:
            raise SipError(f"can't refer: {pjsua2.handoff_call_fault()}")

    def notify(self, subscription: int, status: int) -> None:
        """Send NOTIFY to the sender of a REFER; a final status (200 or more) ends the subscription."""
        if native.closed:
            return
        sent = pjsua2.handoff_refer_notify(subscription, status) == 0
        if status >= _OK and subscription == self.subscription:
            self.subscription = 0
            self._notifying = sent

    def notified(self) -> None:
        """A NOTIFY was answered: a BYE that waited for the last one's answer may go."""
        if self.subscription:
            return
        self._depart()

    def inform(self, body: str) -> None:
        """Send an INFO with a JSON body; whether the far end makes anything of it is its own affair."""
        if not self.alive or not self.confirmed:
            return
        if pjsua2.handoff_call_inform(self.number, "application/json", body) != 0:
            _log.warning(
                "INFO can't be sent",
                call_id=self.call_id,
                project=self.project,
                sip_call_id=self.sip_call_id,
                error=pjsua2.handoff_call_fault(),
            )

    def send_dtmf(self, digit: str, milliseconds: int) -> None:
        """Send a digit of this length as RFC 4733 event where the peer offered it, else as SIP INFO."""
        if not self.alive or not self.confirmed:
            return
        if self.audio.relayed:
            self.audio.mix()  # which alone can put a digit into the stream
        pjsua2.handoff_call_press(self.number, digit, milliseconds)

    # -- audio ---------------------------------------------------------------------------------------------

    def hear(self, source: Leg | Player | None) -> None:
        """Play `source` towards this leg from now on, through every change of its media."""
        self.audio.hear(source.audio if isinstance(source, Leg) else source)

    def record(self, recording: Recording) -> None:
        """Write what this leg's far end says into a file from now on, until the leg ends."""
        self.audio.record(recording)

    def tap(self, number: int) -> None:
        """Copy its RTP and RTCP from now on, under this number; 0 ends it. See `agent.sip.tap.take`."""
        self.audio.tap(number)

    @property
    def level(self) -> int:
        """How loud its far end is just now: mean amplitude of a frame, 0 to 32767."""
        return self.audio.level

    def measure(self) -> Traffic:
        """RTP counted until now, the running stream included."""
        return self.audio.traffic

    # -- for the stack -------------------------------------------------------------------------------------

    def dispose(self) -> None:
        """Nobody hears of it any more."""
        self.alive = False
        self.audio.close()
        self.presses.close()
        if self._leave is not None:  # the far end was quicker: nothing more to wait for
            asyncio.get_running_loop().call_soon(self._depart)

    def _pressed(self, digit: str, milliseconds: int, across: bool) -> None:  # noqa: FBT001 - a callback
        self._emit(on.Digit(self.key, digit, milliseconds, across))

    def _require_number(self) -> None:
        if self.number < 0:
            raise SipError("the leg has ended")

    def _answer(self, status: int, headers: Iterable[tuple[str, str]]) -> bool:
        if not self.alive:
            return False
        lines = _lines(headers)
        if pjsua2.handoff_call_answer(self.number, status, lines, _LATCHES[self.latch]) == 0:
            return True
        # Over already, its end is on the way to us; if not, it can't go on like this. Nobody wanted that.
        wanted = self.leaving
        self._end(_SERVER_INTERNAL_ERROR, "", ())
        self.leaving = wanted
        return False

    def _end(self, status: int, text: str, headers: Iterable[tuple[str, str]]) -> None:
        if not self.alive:
            return
        self.leaving = True
        if pjsua2.handoff_call_end(self.number, status, text, _lines(headers)) != 0:
            self._emit(on.Ended(self.key, _SERVICE_UNAVAILABLE, pjsua2.handoff_call_fault()))


def _lines(headers: Iterable[tuple[str, str]]) -> str:
    """Headers of a message of ours, as C takes them; one that can't be written is left out."""
    return "".join([f"{name}:{value}\n" for name, value in headers if writable(name, value)])
