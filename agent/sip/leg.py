# SPDX-License-Identifier: GPL-3.0-or-later
"""One leg: a SIP dialog with its audio stream, and what plays towards it.

The native object under a leg is owned here alone. Its callbacks only copy plain data and queue it; nothing
acts on the call from inside one. The stack drops the native object as soon as the leg's end was reported
and the native code has returned: its destructor acts on a call id that pjsua gives to another call later.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pjsua2

from agent.core.asking import AskError, from_info
from agent.core.errors import SipError
from agent.core.headers import parse
from agent.sip import events as on
from agent.sip.audio import Port
from agent.sip.native_call import NativeCall, add_header, add_headers, one_audio_stream
from agent.sip.players import Player, Recording
from agent.sip.traffic import Traffic
from agent.telemetry.logs import logger

if TYPE_CHECKING:
    from agent.sip.stack import Stack

_log = logger("sip")
_keys = itertools.count(1)
_OK = 200
_RINGING = 180
_SESSION_PROGRESS = 183
_SERVER_INTERNAL_ERROR = 500
_SERVICE_UNAVAILABLE = 503
_DTMF_MILLISECONDS = 160


class Leg:
    """A SIP leg. Made by the stack, for an incoming INVITE or to dial.

    Attributes:
        key: this leg's own number, never used again in this process.
        sip_call_id: the Call-ID of its dialog.
        alive: whether its end has not been reported yet.
        traffic: RTP counted until now; complete once the leg has ended.
        early: whether the far end has answered with a provisional response.
        answered: whether its far end has sent a 2xx.
        confirmed: whether its dialog is up.
        port: where its audio is in the conference bridge, and what it hears there.
        held: whether the far end has put it on hold.
        takes_handoffs: whether its far end may hand off: by REFER, by INFO, with the headers of its BYE. On
            any other leg a REFER is declined.
        subscription: that of a REFER of its far end which waits for the last word; 0 when there is none.
        info_fits: says of the JSON of an INFO whether it is taken, or answered with 400.
    """

    def __init__(self, stack: Stack, native_id: int | None = None) -> None:
        self.key = next(_keys)
        self.sip_call_id = ""
        self.alive = True
        self.traffic = Traffic()
        self.stack = stack
        self.port = Port(f"leg {self.key}")
        self.confirmed = False
        self.early = False
        self.answered = False
        self.held = False
        self.takes_handoffs = False
        self.subscription = 0
        self.info_fits: Callable[[str], bool] = _asks_for_handoff
        self._native: NativeCall | None = NativeCall(self, stack, native_id)

    def __repr__(self) -> str:
        """Short, for logs."""
        return f"<Leg {self.key}>"

    # -- signalling ----------------------------------------------------------------------------------------

    def dial(
        self, uri: str, headers: Iterable[tuple[str, str]], *, local_uri: str = "", max_forwards: int = 70
    ) -> None:
        """Send an INVITE.

        Args:
            uri: the Request-URI; its host is an IP address, so that nothing waits for DNS.
            headers: added to the INVITE; one that can't be written is left out.
            local_uri: the From header's URI, or "" for the node's own.
            max_forwards: hops left (RFC 3261 section 20.22).

        Raises:
            SipError: the stack would not send it; the leg has ended and reports nothing.
        """
        parameters = one_audio_stream()
        add_headers(parameters, headers)
        add_header(parameters, "Max-Forwards", str(max_forwards))
        parameters.txOption.localUri = local_uri
        try:
            self._call.makeCall(uri, parameters)
            self.sip_call_id = self._call.getInfo().callIdString
        except pjsua2.Error as error:
            self.bury()
            raise SipError(f"can't dial: {error.reason}") from None

    def ring(self, status: int, *, media: bool) -> None:
        """Give the caller a provisional response; with `media` it carries our SDP and audio may flow.

        pjsua answers SDP with a 183 only, so early media is always announced by one.
        """
        if media:
            status = _SESSION_PROGRESS
        elif status == _SESSION_PROGRESS:
            status = _RINGING
        self._answer(status, ())

    def answer(self, headers: Iterable[tuple[str, str]] = ()) -> bool:
        """Send our 200 with SDP and these headers; False when a CANCEL was quicker."""
        return self._answer(_OK, headers)

    def refuse(self, status: int, text: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Answer the INVITE with a final error response."""
        self._end(status, text, headers)

    def hang_up(self, headers: Iterable[tuple[str, str]] = ()) -> None:
        """End the leg by CANCEL, BYE with these headers or a final response, as is needed. Idempotent."""
        self._end(0, "", headers)

    def refer(self, uri: str, headers: Iterable[tuple[str, str]]) -> None:
        """Ask the far end to go to `uri` (REFER, RFC 3515); `TransferProgress` tells what became of it.

        The stack adds Referred-By (RFC 3892) with our own identity.

        Raises:
            SipError: the stack would not send it.
        """
        parameters = pjsua2.CallOpParam()
        add_headers(parameters, headers)
        try:
            self._call.xfer(f"<{uri}>", parameters)
        except pjsua2.Error as error:
            raise SipError(f"can't refer: {error.reason}") from None

    def notify(self, subscription: int, status: int) -> None:
        """Tell the sender of a REFER how it went; a status from 200 on is the last word of it."""
        pjsua2.handoff_refer_notify(subscription, status)
        if status >= _OK and subscription == self.subscription:
            self.subscription = 0

    def inform(self, body: str) -> None:
        """Send an INFO with a JSON body; whether the far end makes anything of it is its own affair."""
        if not self.alive or not self.confirmed:
            return
        parameters = pjsua2.CallSendRequestParam()
        parameters.method = "INFO"
        parameters.txOption.contentType = "application/json"
        parameters.txOption.msgBody = body
        try:
            self._call.sendRequest(parameters)
        except pjsua2.Error as error:
            _log.warning("INFO can't be sent", sip_call_id=self.sip_call_id, error=error.reason)

    def send_dtmf(self, digit: str) -> None:
        """Send a digit as RFC 4733 event where the peer offered it, else as SIP INFO."""
        if not self.alive or not self.confirmed:
            return
        for method in (pjsua2.PJSUA_DTMF_METHOD_RFC2833, pjsua2.PJSUA_DTMF_METHOD_SIP_INFO):
            parameters = pjsua2.CallSendDtmfParam()
            parameters.method = method
            parameters.duration = _DTMF_MILLISECONDS
            parameters.digits = digit
            try:
                self._call.sendDtmf(parameters)
            except pjsua2.Error:
                continue
            return

    # -- audio ---------------------------------------------------------------------------------------------

    def hear(self, source: Leg | Player | None) -> None:
        """Play `source` towards this leg from now on, through every change of its media."""
        self.port.hear(source.port if isinstance(source, Leg) else source)

    def record(self, recording: Recording) -> None:
        """Write what this leg's far end says into a file from now on, until the leg ends."""
        self.port.record(recording)

    @property
    def has_media(self) -> bool:
        """Whether an offer and answer gave this leg an audio stream."""
        return self.port.slot >= 0

    @property
    def level(self) -> int:
        """How loud its far end is just now: mean amplitude of a frame, 0 to 32767."""
        return self._native.level() if self._native else 0

    def measure(self) -> Traffic:
        """RTP counted until now, the running stream included."""
        return self.traffic.plus(self._native.traffic()) if self._native else self.traffic

    # -- for the stack and the native call -----------------------------------------------------------------

    def bury(self) -> None:
        """Let go of the native object. Only ever called with no native code of it on the stack."""
        self.alive = False
        self.port.close()
        self._native = None
        self.stack.forget(self)

    @property
    def _call(self) -> NativeCall:
        if self._native is None:
            raise SipError("the leg has ended")
        return self._native

    def _answer(self, status: int, headers: Iterable[tuple[str, str]]) -> bool:
        if not self.alive:
            return False
        parameters = one_audio_stream()
        parameters.statusCode = status
        add_headers(parameters, headers)
        try:
            self._call.answer(parameters)
        except pjsua2.Error:
            # Over already, its end is on the way to us; if not, it can't go on like this.
            self._end(_SERVER_INTERNAL_ERROR, "", ())
            return False
        return True

    def _end(self, status: int, text: str, headers: Iterable[tuple[str, str]]) -> None:
        if not self.alive or self._native is None:
            return
        parameters = pjsua2.CallOpParam()
        parameters.statusCode = status
        parameters.reason = text
        add_headers(parameters, headers)
        try:
            self._native.hangup(parameters)
        except pjsua2.Error as error:
            self.stack.emit(on.Ended(self, _SERVICE_UNAVAILABLE, error.reason))


def _asks_for_handoff(body: str) -> bool:
    try:
        from_info(body)
    except AskError as error:
        _log.info("an INFO can't be used", error=str(error))
        return False
    return True


def incoming(stack: Stack, prm: Any) -> None:
    """Take an INVITE out of pjsua's callback: the call object must exist before the callback returns."""
    leg = Leg(stack, prm.callId)
    stack.keep(leg)
    message = parse(prm.rdata.wholeMsg)
    leg.sip_call_id = message.first("call-id")
    stack.emit(on.IncomingCall(leg, source_of(prm), message))


def source_of(prm: Any) -> str:
    """The address that a request came from, without its port."""
    address: str = prm.rdata.srcAddress
    return address.rpartition(":")[0].strip("[]")


def with_media(event: on.Provisional) -> on.Provisional:
    """The same response, told whether audio can flow: known only when the stack has read its SDP.

    Where the 2xx is here as well, the audio is that one's.
    """
    return replace(event, media=event.leg.has_media and not event.leg.answered)
