# SPDX-License-Identifier: GPL-3.0-or-later
"""The legs of one call, which side each is on, and what the caller hears."""

from __future__ import annotations

from collections.abc import Callable

from agent.core.actions import Audio
from agent.core.sides import Side
from agent.sip.leg import Leg
from agent.sip.players import Player

_ACROSS = {Audio.BRIDGED: Side.AGENT, Audio.TRANSFERRED: Side.TARGET}


class Legs:
    """The legs of one call.

    Args:
        caller: the caller's leg.
        comfort: gives what plays comfort audio; None for silence.

    Attributes:
        caller: the same.
        legs: those that belong to the call now.
        audio: what the caller hears.
        carried: how the caller's audio went across when it last did: whether relayed, and why not; None
            while it never did.
    """

    def __init__(self, caller: Leg, comfort: Callable[[], Player | None]) -> None:
        self.caller = caller
        self.legs: dict[Side, Leg] = {Side.CALLER: caller}
        self.audio = Audio.NOTHING
        self.carried: tuple[bool, str] | None = None
        self._comfort = comfort
        self._dialled: dict[int, tuple[Side, int]] = {}  # leg key → its side, the attempt it came from
        self._released: Leg | None = None  # the voice agent's, hung up last

    def side_of(self, leg: int) -> Side | None:
        """Which side the leg of this key is on now; None for one that was given up."""
        for side, one in self.legs.items():
            if one.key == leg:
                return side
        return None

    def dialled_as(self, leg: int) -> Side:
        """Which side the leg of this key is on, or was on before it was given up."""
        return self._dialled.get(leg, (Side.CALLER, 0))[0]

    def add(self, side: Side, leg: Leg, attempt: int) -> None:
        """A leg was dialled."""
        self.legs[side] = leg
        self._dialled[leg.key] = side, attempt

    def ended(self, leg: int) -> tuple[Side, int]:
        """The leg of this key is gone, be it the present one of its side: its side and attempt."""
        side, attempt = self._dialled.get(leg, (Side.CALLER, 0))
        if self.side_of(leg) is side and side is not Side.CALLER:
            del self.legs[side]
        return side, attempt

    def hang_up(self, side: Side) -> None:
        """Hang up a leg; unless it is the caller's, it no longer belongs to the call.

        One that can't be hung up is given up, so that none outlives its call; what was wrong is raised then.
        """
        leg = self.caller if side is Side.CALLER else self.legs.pop(side, None)
        if leg is None:
            return
        if side is Side.AGENT:
            self._released = leg
        try:
            leg.hang_up()
        except Exception:
            leg.give_up()
            raise

    def when_released(self, then: Callable[[], None]) -> None:
        """Call `then` once the voice agent was sent its BYE: at once, unless a NOTIFY is unanswered as yet.

        The voice agent is let go of before media goes back.
        """
        if self._released is None:
            then()
        else:
            self._released.when_left(then)

    @property
    def lingers(self) -> Leg | None:
        """The voice agent's leg where it was hung up and its BYE still waits."""
        released = self._released
        return released if released is not None and released.number >= 0 else None

    def send_dtmf(self, side: Side, digit: str, milliseconds: int) -> None:
        """Send a digit of this length on a leg, if it is there."""
        if (leg := self.legs.get(side)) is not None:
            leg.send_dtmf(digit, milliseconds)

    def play(self, audio: Audio) -> None:
        """Let the caller hear this from now on."""
        across = self.legs.get(_ACROSS[audio]) if audio in _ACROSS else None
        if across is not None:
            self.caller.hear(across)
            across.hear(self.caller)
        elif audio is Audio.COMFORT and audio is not self.audio:
            self.caller.hear(self._comfort())
            if (agent := self.legs.get(Side.AGENT)) is not None:
                agent.hear(None)
        self.audio = audio
