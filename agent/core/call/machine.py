# SPDX-License-Identifier: GPL-3.0-or-later
"""One call: what it remembers, and which reaction belongs to which state and event.

Whoever reaches a terminal moment first decides it; nothing takes it back once it is durable, so at most one
`Tell` that was confirmed ever leaves a call.
"""

from __future__ import annotations

from typing import Final

from agent.core.call import bridged, going_back, opening, telling
from agent.core.call.states import WITH_AGENT, Actions, Plan, State, Table
from agent.core.events import Close, Event, HangUp, Record, Side, Stop, Timer
from agent.core.moments import Moment
from agent.core.reasons import End, Reason

_TABLE: Final[Table] = opening.TABLE | bridged.TABLE | telling.TABLE | going_back.TABLE


class Call:
    """One call. Feed each event to `handle` and carry out what it returns, in order.

    Attributes:
        plan: what its project planned.
        state: where the call stands.
        terminal: the terminal moment, once it is known.
        reason: why that came.
        attempt: the dial to the voice agent that counts; 0 before the first.
        back: how many targets to go back to there are.
        back_attempt: the one of them that is being tried; 0 before the first.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.state = State.RECORDING
        self.terminal: Moment | None = None
        self.reason = Reason.INTERNAL
        self.attempt = 0
        self.back = plan.back
        self.back_attempt = 0

    def begin(self) -> Actions:
        """The actions for a call that has just been admitted."""
        return [Record()]

    def handle(self, event: Event) -> Actions:
        """Take one event; an event that means nothing in this state gives no action."""
        reaction = _TABLE.get((self.state, type(event)))
        return reaction(self, event) if reaction else []

    # -- what the shell asks -------------------------------------------------------------------------------

    @property
    def takes_handoff(self) -> bool:
        """Whether a handoff may still be asked for."""
        return self.state is State.BRIDGED

    @property
    def holds_signal(self) -> bool:
        """Whether a signal that is durable now waits for `Begin` instead of leaving at once."""
        return self.state is State.STORING and self.terminal is Moment.HANDOFF and self.plan.finish_prompt

    def wants(self, side: Side, attempt: int) -> bool:
        """Whether the dial of this number is still the one that counts."""
        if side is Side.QUEUE:
            return self.state is State.DIALLING_BACK and self.back_attempt == attempt
        return self.state is State.DIALLING and self.attempt == attempt

    # -- what reactions share ------------------------------------------------------------------------------

    @property
    def end(self) -> End:
        """How the call ends as things stand."""
        return End(self.terminal.value) if self.terminal else End.CALLER

    def leave_agent(self) -> Actions:
        """End the voice agent's leg, if there is one that we must end."""
        return [HangUp(Side.AGENT)] if self.state in WITH_AGENT else []

    def close(self, end: End, reason: Reason) -> Actions:
        """The call is over."""
        self.state = State.ENDED
        return [*(Stop(timer) for timer in Timer), Close(end, reason)]
