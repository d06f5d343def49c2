# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a call can stand, and what its project planned for it.

Who is still there is part of the state: in a state called ``…_ALONE`` the voice agent is gone, in one called
``…_LEFT`` the caller is, in one called ``…_UNANSWERED`` the caller's INVITE waits for its final answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.methods import Method, OnFailure
from agent.core.records import Whereabouts
from agent.core.words import Word


class State(Word):
    """Where a call stands; the value is what its record holds."""

    RECORDING = "recording"  # admitted; not yet durable
    RECORDING_LEFT = "recording_left"  # the same, and the caller gave up
    RECORDING_ENDING = "recording_ending"  # the same, and an operator wants it ended
    RECORDING_REFUSED = "recording_refused"  # it took too long: the caller was refused
    DIALLING = "dialling"  # the voice agent is being called
    BRIDGED = "bridged"  # both legs answered

    STORING = "storing"  # a terminal moment came; it is being made durable
    STORING_ALONE = "storing_alone"
    STORING_UNANSWERED = "storing_unanswered"
    STORING_LEFT = "storing_left"
    STORING_LOST = "storing_lost"  # the caller's leg was lost, and the script is to be told all the same
    STORING_KEPT = "storing_kept"  # the record takes too long, and the voice agent keeps the caller
    STORING_REFERRING = "storing_referring"  # the record takes too long, and the caller is referred meanwhile
    STORING_RETURNING = "storing_returning"
    STORING_OVER = "storing_over"  # the same, and nobody is there any more
    FINISHING = "finishing"  # the handoff is durable; its signal waits for the end of the voice agent's words
    FINISHING_UNSIGNALLED = "finishing_unsignalled"  # the same, in a project that signals no handoff
    TELLING = "telling"  # the signal is on its way: accepted, failed, or the deadline
    TELLING_ALONE = "telling_alone"
    TELLING_UNANSWERED = "telling_unanswered"
    KEPT = "kept"  # the signal failed, and the voice agent keeps the caller

    REFERRING = "referring"  # the voice agent is gone; the caller's side is asked to go to a target
    DIALLING_BACK = "dialling_back"  # the voice agent is gone; a target is being called
    TRANSFERRED = "transferred"  # the caller talks to the target
    RETURNING = "returning"  # the voice agent is gone; the contact centre takes the caller back
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a project planned for its calls.

    Attributes:
        targets: how many addresses the voice agent has.
        back: how many addresses there are to go back to, for `Method.REFER` and `Method.BRIDGE`.
        finish_prompt: whether the voice agent may finish its words before the script is told.
    """

    targets: int
    method: Method = Method.RELEASE
    back: int = 0
    on_failure: OnFailure = OnFailure.RELEASE
    finish_prompt: bool = False


def whereabouts(state: State) -> Whereabouts:
    """Where the caller is, for those who handed it off."""
    return _WHEREABOUTS.get(state, Whereabouts.VOICE_AGENT)


_WHEREABOUTS = {
    State.STORING_ALONE: Whereabouts.ON_THE_WAY,
    State.TELLING_ALONE: Whereabouts.ON_THE_WAY,
    State.STORING_REFERRING: Whereabouts.ON_THE_WAY,
    State.STORING_RETURNING: Whereabouts.ON_THE_WAY,
    State.REFERRING: Whereabouts.ON_THE_WAY,
    State.DIALLING_BACK: Whereabouts.ON_THE_WAY,
    State.RETURNING: Whereabouts.ON_THE_WAY,
    State.TRANSFERRED: Whereabouts.QUEUE,
    State.KEPT: Whereabouts.KEPT,
    State.STORING_KEPT: Whereabouts.KEPT,
    State.RECORDING_LEFT: Whereabouts.GONE,
    State.RECORDING_REFUSED: Whereabouts.GONE,
    State.STORING_LEFT: Whereabouts.GONE,
    State.STORING_LOST: Whereabouts.GONE,
    State.STORING_OVER: Whereabouts.GONE,
    State.ENDED: Whereabouts.GONE,
}

UNREACHED = frozenset({408, 503})
"""How a dial ends where nobody answered, could be reached, or takes calls (RFC 3263 section 4.3)."""
UNANSWERED = frozenset(
    {
        State.RECORDING,
        State.RECORDING_LEFT,
        State.RECORDING_ENDING,
        State.DIALLING,
        State.STORING_UNANSWERED,
        State.TELLING_UNANSWERED,
    }
)
WITH_AGENT = frozenset(
    {
        State.DIALLING,
        State.BRIDGED,
        State.STORING,
        State.STORING_KEPT,
        State.FINISHING,
        State.FINISHING_UNSIGNALLED,
        State.TELLING,
        State.KEPT,
    }
)
LASTING = frozenset({State.KEPT, State.REFERRING, State.TRANSFERRED})
"""Where a call may stand for long: its record says so at once, for whoever may have to recover it."""
