# SPDX-License-Identifier: GPL-3.0-or-later
"""The native call under a leg, and the parameters that go into its verbs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import pjsua2

from agent.core.digits import from_dtmf_info, is_dtmf
from agent.core.headers import Message, parse, writable
from agent.core.referral import names_one
from agent.sip import events as on
from agent.sip.leg_state import LegState
from agent.sip.presses import Presses
from agent.telemetry.logs import of_call

_RESPONSE = "SIP/2.0 "
_TRYING_LINE = "SIP/2.0 100"
_TRYING = 100
_OK = 200
_BAD_REQUEST = 400
_DECLINE = 603
_BUSY_HERE = 486
_REQUEST_PENDING = 491
_SRTP = re.compile(r"^m=audio [1-9]\d* (?:\S+/)?RTP/SAVPF?\s", re.MULTILINE | re.IGNORECASE)
_END_OF_DIGIT = 1 << 1  # PJMEDIA_STREAM_DTMF_IS_END, which SWIG does not see
_EARLY = pjsua2.PJSIP_INV_STATE_EARLY
_CONNECTING = pjsua2.PJSIP_INV_STATE_CONNECTING
_CONFIRMED = pjsua2.PJSIP_INV_STATE_CONFIRMED
_DISCONNECTED = pjsua2.PJSIP_INV_STATE_DISCONNECTED


class NativeCall(pjsua2.Call):
    """The native call. Callbacks must not raise, not block, and not act: they queue.

    Args:
        leg: kept up to date from here.
        account: pjsua2's, that the call belongs to.
        emit: queues an event.
        presses: told of keys that go down and up.
        native_id: of an incoming call; None for one to dial.
    """

    def __init__(
        self,
        leg: LegState,
        account: Any,
        emit: Callable[[on.LegEvent], None],
        presses: Presses,
        native_id: int | None,
    ) -> None:
        if native_id is None:
            super().__init__(account)
        else:
            super().__init__(account, native_id)
        self._leg = leg  # the cycle is cut by Leg.dispose
        self._id = -1 if native_id is None else native_id
        self._emit = emit
        self._presses = presses

    def onCallState(self, prm: Any) -> None:
        """The INVITE session is in another state."""
        number, leg = self.number, self._leg
        state = pjsua2.handoff_leg_state(number)
        if state == _EARLY and pjsua2.handoff_leg_is_ours(number):
            self._emit(on.Provisional(leg.key, pjsua2.handoff_leg_status(number), media=False))
        elif state == _CONNECTING:
            leg.answered = True
            leg.unasked_srtp = leg.dialled and _SRTP.search(_body(prm.e)) is not None
        elif state == _CONFIRMED:
            self._emit(on.Confirmed(leg.key))
        elif state == _DISCONNECTED:
            status, reason = pjsua2.handoff_leg_status(number), pjsua2.handoff_leg_reason(number)
            bye = _bye(prm.e) if leg.takes_handoffs else None
            self._emit(on.Ended(leg.key, status, reason, bye))

    def onCallMediaState(self, _: Any) -> None:
        """An offer and answer changed the audio stream."""
        number, leg = self.number, self._leg
        leg.audio.changed(number)
        leg.held = bool(pjsua2.handoff_leg_held(number))
        self._emit(on.AudioChanged(leg.key))

    def onStreamDestroyed(self, _: Any) -> None:
        """The audio stream is about to go."""
        # The last moment at which the counts can be read: they are gone at DISCONNECTED.
        self._leg.audio.stopping(self.number)

    @property
    def number(self) -> int:
        """Pjsua's number of the call."""
        if self._id < 0:
            self._id = self.getId()
        return self._id

    def onDtmfEvent(self, prm: Any) -> None:
        """A key went down, or up again (RFC 4733)."""
        across = self._leg.audio.passes_events
        if prm.flags & _END_OF_DIGIT:
            self._presses.up(prm.digit, prm.duration, across=across)
        else:
            self._presses.down(prm.digit, across=across)

    def onCallTsxState(self, prm: Any) -> None:
        """A 100 came, or an answer to our NOTIFY; or a REFER or an INFO of ours: answer it, or leave it."""
        leg, text = self._leg, prm.e.body.tsxState.src.rdata.wholeMsg
        if text.startswith(_TRYING_LINE):
            self._emit(on.Provisional(leg.key, _TRYING, media=False))
        elif text.startswith(_RESPONSE):
            self._emit(on.NotifyAnswered(leg.key))
        else:
            self._take_request(parse(text))

    def _take_request(self, message: Message) -> None:
        leg = self._leg
        if message.method == "INFO" and is_dtmf(message.first("content-type")):
            self._take_digit(message)
        elif not leg.takes_handoffs:
            return
        elif message.method == "INFO":
            self._take_info(message)
        elif not names_one(message):
            pjsua2.handoff_request_answer(_BAD_REQUEST)
        elif leg.subscription:
            # Its NOTIFYs would look like those of the first one: pjsip writes no id (RFC 3515 section 2.4.6).
            pjsua2.handoff_request_answer(_REQUEST_PENDING)
        elif (subscription := pjsua2.handoff_refer_accept()) >= 0:
            leg.subscription = subscription
            self._emit(on.Referred(leg.key, message, subscription))

    def _take_info(self, message: Message) -> None:
        with of_call(self._leg.call_id, self._leg.project):
            fits = self._leg.info_fits(message.body)
        if fits:
            pjsua2.handoff_request_answer(_OK)
            self._emit(on.Informed(self._leg.key, message.body))
        else:
            pjsua2.handoff_request_answer(_BAD_REQUEST)

    def _take_digit(self, message: Message) -> None:
        press = from_dtmf_info(message.first("content-type"), message.body)
        pjsua2.handoff_request_answer(_OK if press else _BAD_REQUEST)
        if press is not None:
            self._presses.up(press.digit, press.milliseconds)

    def onCallTransferRequest(self, prm: Any) -> None:
        """A REFER came on a leg that may not hand off."""
        prm.statusCode = _DECLINE  # by default pjsua would dial whatever the REFER names

    def onCallTransferStatus(self, prm: Any) -> None:
        """Our own REFER was answered, or a NOTIFY tells how it goes."""
        status = int(prm.statusCode)
        final = bool(prm.finalNotify) or status >= _OK
        prm.cont = not final
        later = None if prm.retryAfter < 0 else int(prm.retryAfter)
        self._emit(on.TransferProgress(self._leg.key, status, final, later))

    def onCallReplaceRequest(self, prm: Any) -> None:
        """An INVITE with Replaces names the leg."""
        prm.statusCode = _BUSY_HERE  # by default pjsua would let anybody take the dialog over

    def onCallRedirected(self, _: Any) -> int:
        """A 3xx came: it counts as a refusal."""
        return int(pjsua2.PJSIP_REDIRECT_STOP)


def _body(event: Any) -> str:
    """The body of the message that an event of the INVITE session tells of, if it is one."""
    if event.type != pjsua2.PJSIP_EVENT_TSX_STATE or event.body.tsxState.type != pjsua2.PJSIP_EVENT_RX_MSG:
        return ""
    return str(event.body.tsxState.src.rdata.wholeMsg).partition("\r\n\r\n")[2]


def _bye(event: Any) -> Message | None:
    """The BYE that an event of the INVITE session tells of, if it is one."""
    if event.type != pjsua2.PJSIP_EVENT_TSX_STATE or event.body.tsxState.type != pjsua2.PJSIP_EVENT_RX_MSG:
        return None
    message = parse(event.body.tsxState.src.rdata.wholeMsg)
    return message if message.method == "BYE" else None


def one_audio_stream() -> Any:
    """Call parameters for one audio stream and nothing else; by default pjsua offers real-time text too."""
    parameters = pjsua2.CallOpParam(True)  # noqa: FBT003 - pjsua2's signature
    parameters.opt.audioCount = 1
    parameters.opt.videoCount = 0
    parameters.opt.textCount = 0
    return parameters


def add_headers(parameters: Any, headers: Iterable[tuple[str, str]]) -> None:
    """Add headers to a message of ours; one that can't be written is left out."""
    for name, value in headers:
        if writable(name, value):
            add_header(parameters, name, value)


def add_header(parameters: Any, name: str, value: str) -> None:
    """Add one header, as it is."""
    header = pjsua2.SipHeader()
    header.hName = name
    header.hValue = value
    parameters.txOption.headers.push_back(header)
