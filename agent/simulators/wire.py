# SPDX-License-Identifier: GPL-3.0-or-later
"""What one call put on the wire: its SIP dialogs, and the audio sent to the caller."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from agent.simulators.ear import Ear
from agent.simulators.messages import WireMessage, read
from agent.simulators.rtp import longest_gap
from agent.simulators.wiretap import Datagram, Place

_CONTACT: Final = "x-incontact-contactid"
_FINAL: Final = 200  # RFC 3261 section 7.2
_SIP: Final = re.compile(rb"(?:[A-Z]+ sips?:[^\r\n]* )?SIP/2\.0")


@dataclass(frozen=True, slots=True)
class Said:
    """One SIP message and where it came from; `when` is in seconds since the epoch."""

    when: float
    source: Place
    message: WireMessage

    @property
    def status(self) -> int:
        """The status of a response, 0 of a request."""
        return self.message.status


class Dialog:
    """A dialog: its messages in time order, repetitions too; `opener` is where its INVITE came from."""

    def __init__(self, opener: Place) -> None:
        self.opener = opener
        self.said: list[Said] = []

    def first(self, method: str, *, from_opener: bool | None = None) -> Said | None:
        """The first request with this method, from one side or either."""
        return next(
            (
                one
                for one in self.said
                if one.message.method == method
                and (from_opener is None or (one.source == self.opener) is from_opener)
            ),
            None,
        )

    def requests(self, method: str) -> list[Said]:
        """All requests with this method."""
        return [one for one in self.said if one.message.method == method]

    def answer(self, method: str) -> Said | None:
        """The first final response to this method."""
        found = (one for one in self.said if one.message.answers == method)
        return next((one for one in found if one.status >= _FINAL), None)


class Wire:
    """Takes datagrams and keeps those of the call with this contact id, and of what its agent dials.

    Attributes:
        caller: the caller's dialog, once its INVITE was seen.
        dialled: the newest dialog opened towards each place since then.
        ear: what was sent from the port that our SDP names to the one that the caller's does, whichever they
            are at the time.
        spoken: when each packet left those who were dialled, by the address that their SDP names.
    """

    def __init__(self, contact_id: str) -> None:
        self.caller: Dialog | None = None
        self.dialled: dict[Place, Dialog] = {}
        self.ear = Ear()
        self.spoken: dict[Place, list[float]] = {}
        self._contact_id = contact_id
        self._dialogs: dict[str, Dialog] = {}
        self._hearing: Place | None = None
        self._speaking = 0

    def take(self, datagram: Datagram) -> None:
        """A datagram passed."""
        if datagram.target == self._hearing and datagram.source[1] == self._speaking:
            self.ear.take(datagram.payload, datagram.when)
        elif datagram.source in self.spoken:
            self.spoken[datagram.source].append(datagram.when)
        elif _SIP.match(datagram.payload):
            self._sip(datagram)

    def _sip(self, datagram: Datagram) -> None:
        message = read(datagram.payload)
        call_id = message.first("call-id")
        dialog = self._dialogs.get(call_id) or self._opened(datagram, message)
        if dialog is None:
            return
        self._dialogs[call_id] = dialog
        dialog.said.append(Said(datagram.when, datagram.source, message))
        if dialog is self.caller:
            self._follow(message, by_caller=datagram.source == dialog.opener)
        elif message.audio is not None and datagram.source != dialog.opener:
            self.spoken.setdefault(message.audio, [])

    def longest_pause(self) -> float:
        """The longest time in seconds for which one who was dialled sent nothing, and then sent on."""
        return max((longest_gap(times)[0] for times in self.spoken.values() if len(times) > 1), default=0.0)

    def _follow(self, message: WireMessage, *, by_caller: bool) -> None:
        """Offer or answer: where the audio goes from now on."""
        if message.audio is None:
            return
        if by_caller:
            self._hearing = message.audio
        else:
            self._speaking = message.audio[1]

    def _opened(self, datagram: Datagram, message: WireMessage) -> Dialog | None:
        if message.method != "INVITE":
            return None
        dialog = Dialog(datagram.source)
        if self.caller is not None:
            self.dialled[datagram.target] = dialog
        elif message.first(_CONTACT) == self._contact_id:
            self.caller = dialog
        else:
            return None
        return dialog
