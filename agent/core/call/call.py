# SPDX-License-Identifier: GPL-3.0-or-later
"""One call: what it remembers, and what its reactions share."""

from __future__ import annotations

from typing import Final

from agent.core.actions import Action, Close, HangUp, StopAll
from agent.core.call.states import WITH_AGENT, Plan, State
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.sides import Side

STOP_ALL: Final = StopAll()


class Call:
    """One call as it stands; `agent.core.call.machine` moves it.

    Attributes:
        plan: what its project planned.
        state: where the call stands.
        terminal: the terminal moment, once it is known.
        reason: why that came.
        attempt: the dial to the voice agent that counts; 0 before the first.
        back: how many targets to go back to there are.
        back_attempt: the dial to one of them that counts, or the REFER to it; 0 before the first.
        put_off: whether our REFER to it waits to be sent again.
        tried: how many targets of the side that is being dialled were dialled, the present one included.
        address: which address of the present one is being dialled, from 0.
        addresses: how many it has, as far as is known and of use.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.state = State.RECORDING
        self.terminal: Moment | None = None
        self.reason = Reason.INTERNAL
        self.attempt = 0
        self.back = plan.back
        self.back_attempt = 0
        self.tried = 0
        self.address = 0
        self.addresses = 1
        self.put_off = False

    # -- what the shell asks -------------------------------------------------------------------------------

    @property
    def takes_handoff(self) -> bool:
        """Whether a handoff may still be asked for."""
        return self.state is State.BRIDGED

    @property
    def holds_signal(self) -> bool:
        """Whether a signal that is durable now waits for `Begin` instead of leaving at once."""
        return self.state is State.STORING and self.terminal is Moment.HANDOFF and self.plan.finish_prompt

    @property
    def owes_moment(self) -> bool:
        """Whether a terminal moment that can't be recorded now is recorded later, come what may.

        Not where its caller hung up before it was told; nor while the voice agent, which hears of the failure
        and has the caller, may ask again.
        """
        return self.state is not State.STORING_LEFT and not self.may_ask_again

    @property
    def may_ask_again(self) -> bool:
        """Whether a handoff that can't be recorded now leaves the caller with the voice agent."""
        asked = self.state is State.STORING and self.terminal is Moment.HANDOFF
        return asked or self.state is State.STORING_KEPT

    def wants(self, side: Side, attempt: int) -> bool:
        """Whether the dial of this number is still the one that counts."""
        if side is Side.TARGET:
            return self.state is State.DIALLING_BACK and self.back_attempt == attempt
        return self.state is State.DIALLING and self.attempt == attempt

    # -- what reactions share ------------------------------------------------------------------------------

    def next_target(self) -> None:
        """Go on to the next target."""
        self.tried += 1
        self.address, self.addresses = 0, 1

    def next_attempt(self, side: Side) -> int:
        """The number of the next dial on a side, which is the one that counts from now on."""
        if side is Side.TARGET:
            self.back_attempt += 1
            return self.back_attempt
        self.attempt += 1
        return self.attempt

    def next_address(self) -> bool:
        """Go on to the next address of the same target (RFC 3263 section 4.3); False when there is none."""
        if self.address + 1 >= self.addresses:
            return False
        self.address += 1
        return True

    @property
    def end(self) -> End:
        """How the call ends as things stand."""
        return End(self.terminal.value) if self.terminal else End.CALLER

    def leave_agent(self) -> list[Action]:
        """End the voice agent's leg, if there is one that we must end."""
        return [HangUp(Side.AGENT)] if self.state in WITH_AGENT else []

    def close(self, end: End, reason: Reason) -> list[Action]:
        """The call is over."""
        self.state = State.ENDED
        return [STOP_ALL, Close(end, reason)]
