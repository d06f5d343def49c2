# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a leg: kept up to date by its native call, read by everybody else."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from agent.core.asking import AskError, from_info
from agent.core.frozen import NOTHING
from agent.core.model import Latch
from agent.sip.audio import LegAudio
from agent.telemetry.logs import call_facts, logger

_log = logger("sip")
_keys = itertools.count(1)


class LegState:
    """One leg as it stands.

    Attributes:
        key: this leg's own number, never used again in this process.
        number: pjsua's of its native call; -1 while it has none, and from the moment its end is told.
        sip_call_id: the Call-ID of its dialog.
        call_id: the call that it belongs to, for the log; empty where none is known, as with `project`.
        project: that of the call.
        facts: both, for the lines of code that serve calls but know none; empty where they are not known.
        alive: whether its end has not been reported yet.
        early: whether the far end has answered with a provisional response.
        answered: whether its far end has sent a 2xx.
        confirmed: whether its dialog is up.
        dialled: whether it is we who called.
        leaving: whether we have ended it.
        audio: what carries its audio.
        held: whether the far end has put it on hold.
        unasked_srtp: its 2xx answers an offer of plain RTP with SRTP, which is no answer to it (RFC 4568).
        takes_handoffs: whether its far end may hand off: by REFER, by INFO, with the headers of its BYE. On
            any other leg a REFER is declined.
        subscription: that of a REFER of its far end which waits for the last word; 0 when there is none.
        latch: from whom its RTP is taken (`agent.core.model.Latch`); in force from our answer or INVITE on.
        info_fits: says of the JSON of an INFO whether it is taken, or answered with 400.
    """

    def __init__(self, audio: Callable[[str], LegAudio]) -> None:
        self.key = next(_keys)
        self.number = -1
        self.sip_call_id = ""
        self.call_id = ""
        self.project = ""
        self.facts: Mapping[str, str] = NOTHING
        self.alive = True
        self.early = False
        self.answered = False
        self.confirmed = False
        self.dialled = False
        self.leaving = False
        self.audio = audio(f"leg {self.key}")
        self.held = False
        self.unasked_srtp = False
        self.takes_handoffs = False
        self.subscription = 0
        self.latch: Latch = "strict"
        self.info_fits: Callable[[str], bool] = _asks_for_handoff

    def belong_to(self, facts: Mapping[str, str]) -> None:
        """It is of this call from now on: its ``call_id`` and ``project``."""
        self.facts = facts
        self.call_id, self.project = facts["call_id"], facts["project"]

    def __repr__(self) -> str:
        """Short, for logs."""
        return f"<Leg {self.key}>"


def _asks_for_handoff(body: str) -> bool:
    try:
        from_info(body)
    except AskError as error:
        _log.info("an INFO can't be used", error=str(error), **call_facts())
        return False
    return True
