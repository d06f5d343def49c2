# SPDX-License-Identifier: GPL-3.0-or-later
"""What native calls tell, and of which leg: plain values from C, see ``deploy/pjsua2/calls.h``.

All of it happens inside native code, which must not be acted upon from there: what is told is noted on the
leg and queued. Only a REFER or an INFO is answered on the spot, since it can't be answered later.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import pjsua2

from agent.core.digits import from_dtmf_info, is_dtmf
from agent.core.errors import SipError
from agent.core.headers import Message, parse
from agent.core.referral import names_one
from agent.sip import events as on
from agent.telemetry.logs import of_call

if TYPE_CHECKING:
    from agent.sip.leg import Leg

_OK = 200
_BAD_REQUEST = 400
_REQUEST_PENDING = 491
_SRTP: Final = re.compile(r"^m=audio [1-9]\d* (?:\S+/)?RTP/SAVPF?\s", re.MULTILINE | re.IGNORECASE)


class NativeCalls:
    """Every native call that has a leg, by pjsua's number of it, which a later call has again.

    Args:
        emit: queues an event.
        take: makes the leg of a new INVITE.
        took: told of an error that was contained: what it happened in, and the error.
    """

    def __init__(
        self,
        emit: Callable[[on.StackEvent], None],
        take: Callable[[Message], Leg],
        took: Callable[[str, Exception], None],
    ) -> None:
        self._emit, self._take, self._took = emit, take, took
        self._legs: dict[int, Leg] = {}
        self._dialling: Leg | None = None
        self._of_leg: dict[int, Callable[[Leg, int, int, int, str, str], None]] = {
            pjsua2.HANDOFF_PROVISIONAL: self._provisional,
            pjsua2.HANDOFF_ANSWERED: self._answered,
            pjsua2.HANDOFF_CONFIRMED: lambda leg, *_: emit(on.Confirmed(leg.key)),
            pjsua2.HANDOFF_MEDIA: self._media,
            pjsua2.HANDOFF_STREAM_GOING: lambda leg, *_: leg.audio.stopping(leg.number),
            pjsua2.HANDOFF_ENDED: self._ended,
            pjsua2.HANDOFF_REQUEST: self._request,
            pjsua2.HANDOFF_NOTIFIED: lambda leg, *_: emit(on.NotifyAnswered(leg.key)),
            pjsua2.HANDOFF_TRANSFER: self._transfer,
            pjsua2.HANDOFF_DIGIT: self._digit,
        }

    def listen(self) -> None:
        """Be told from now on; the library must be there.

        Raises:
            SipError: this pjsua2 does not tell.
        """
        pjsua2.handoff_calls_listen(self._heard)
        if pjsua2.handoff_calls_install() != 0:
            raise SipError("this pjsua2 does not tell of calls: use the wheel that deploy/pjsua2/build makes")

    def dial(self, leg: Leg, dialled: Callable[[], int]) -> None:
        """Let `dialled` make the native call of a leg; what it tells meanwhile is told of this one.

        Raises:
            SipError: it could not.
        """
        self._dialling = leg
        try:
            number = dialled()
            over = self._dialling is None
        finally:
            self._dialling = None
        if number < 0:
            raise SipError(f"can't dial: {pjsua2.handoff_call_fault()}")
        if not over:
            self._know(leg, number)
        leg.sip_call_id = pjsua2.handoff_call_dialog(number)

    def forget(self, leg: Leg) -> None:
        """Hear no more of a leg; its native call ends, if it is up."""
        number, leg.number = leg.number, -1
        if self._legs.get(number) is leg:
            del self._legs[number]
            pjsua2.handoff_call_forget(number)

    def _know(self, leg: Leg, number: int) -> None:
        leg.number = number
        self._legs[number] = leg

    def _heard(  # noqa: PLR0917 - as C calls it
        self, kind: int, number: int, a: int, b: int, c: int, text: str, more: str
    ) -> bool:
        """Take what C tells; it can make nothing of an error."""
        try:
            if kind == pjsua2.HANDOFF_INCOMING:
                message = parse(text)
                leg = self._take(message)
                self._know(leg, number)
                self._emit(on.IncomingCall(leg.key, more, message))
                return True
            if kind == pjsua2.HANDOFF_REFUSED:
                source, _, reason = more.partition(" ")
                self._emit(on.RefusedByStack(source, parse(text), a, reason))
                return False
            if (found := self._leg(number)) is not None:
                self._of_leg[kind](found, a, b, c, text, more)
        except Exception as error:  # noqa: BLE001 - as above; what else was told is told all the same
            self._took("intake", error)
        return False

    def _leg(self, number: int) -> Leg | None:
        leg = self._legs.get(number)
        if leg is None and self._dialling is not None:
            leg = self._dialling
            self._know(leg, number)
        return leg

    # -- one kind after the other --------------------------------------------------------------------------

    def _provisional(self, leg: Leg, status: int, *_: object) -> None:
        self._emit(on.Provisional(leg.key, status, media=False))

    def _answered(self, leg: Leg, _: int, __: int, ___: int, text: str, ____: str) -> None:
        leg.answered = True
        if text and leg.dialled:
            leg.unasked_srtp = _SRTP.search(text.partition("\r\n\r\n")[2]) is not None

    def _media(self, leg: Leg, *_: object) -> None:
        leg.audio.changed(leg.number)
        leg.held = bool(pjsua2.handoff_leg_held(leg.number))
        self._emit(on.AudioChanged(leg.key))

    def _ended(self, leg: Leg, status: int, _: int, __: int, reason: str, bye: str) -> None:
        self._legs.pop(leg.number, None)
        leg.number = -1
        if leg is self._dialling:
            self._dialling = None
        message = parse(bye) if bye and leg.takes_handoffs else None
        self._emit(on.Ended(leg.key, status, reason, message))

    def _transfer(self, leg: Leg, status: int, final: int, retry_after: int, *_: str) -> None:
        later = None if retry_after < 0 else retry_after
        self._emit(on.TransferProgress(leg.key, status, bool(final), later))

    def _digit(self, leg: Leg, milliseconds: int, ended: int, _: int, digit: str, __: str) -> None:
        across = leg.audio.passes_events
        if ended:
            leg.presses.up(digit, milliseconds, across=across)
        else:
            leg.presses.down(digit, across=across)

    def _request(self, leg: Leg, _: int, __: int, ___: int, text: str, ____: str) -> None:
        message = parse(text)
        if message.method == "INFO" and is_dtmf(message.first("content-type")):
            _take_digit(leg, message)
        elif not leg.takes_handoffs:
            return
        elif message.method == "INFO":
            self._take_info(leg, message)
        elif not names_one(message):
            pjsua2.handoff_request_answer(_BAD_REQUEST)
        elif leg.subscription:
            # Its NOTIFYs would look like those of the first one: pjsip writes no id (RFC 3515 section 2.4.6).
            pjsua2.handoff_request_answer(_REQUEST_PENDING)
        elif (subscription := pjsua2.handoff_refer_accept()) >= 0:
            leg.subscription = subscription
            self._emit(on.Referred(leg.key, message, subscription))

    def _take_info(self, leg: Leg, message: Message) -> None:
        with of_call(leg.call_id, leg.project):
            fits = leg.info_fits(message.body)
        if fits:
            pjsua2.handoff_request_answer(_OK)
            self._emit(on.Informed(leg.key, message.body))
        else:
            pjsua2.handoff_request_answer(_BAD_REQUEST)


def _take_digit(leg: Leg, message: Message) -> None:
    press = from_dtmf_info(message.first("content-type"), message.body)
    pjsua2.handoff_request_answer(_OK if press else _BAD_REQUEST)
    if press is not None:
        leg.presses.up(press.digit, press.milliseconds)
