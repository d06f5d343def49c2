# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent`` with taps that go on and off at random, and messages read whole, for sanitizers.

    python -m tests.fuzz.tapped SEED handoff-agent run --config …

What is taken is held to be what it should be: packets that can be read, of a leg that was tapped, messages
that are whole.
"""

from __future__ import annotations

import random
import sys

from agent.cli.main import main
from agent.sip import tap, trace
from agent.sip.stack import Stack

_SWITCHED, _TAKEN, _READ = 0.02, 0.3, 0.1  # of each leg a tick, of ticks, of messages
_HEADER = 8  # bytes of the shortest RTCP


class Tapped:
    """The taps of one agent."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._numbers = 0

    def tick(self, stack: Stack) -> None:
        """Switch some, and take what there is now and then."""
        for leg in tuple(stack._legs.values()):
            if self._chance.random() < _SWITCHED:
                self._numbers += 1
                leg.tap(self._chance.choice((0, self._numbers)))
        if self._chance.random() < _TAKEN:
            for packet in tap.take():
                assert 0 < packet.tap <= self._numbers, packet
                assert packet.rtcp or len(packet.data) > _HEADER or not packet.sent, packet
                assert packet.ours[1], packet

    def read(self, lines: list[str]) -> None:
        """Read some of the messages whole."""
        for line in lines:
            *_, start, _, position = line.split("\t")
            if self._chance.random() < _READ:
                whole = trace.whole(int(position))
                assert whole is not None, line
                assert whole.startswith(start.partition(" ")[0].encode()), line
                assert trace.local(int(position)), line


def install(seed: int) -> None:
    """Let every stack of this process have them."""
    tapped, drain = Tapped(random.Random(seed)), trace.drain  # noqa: S311 - repeatable
    looks = Stack.look_for_messages

    def drained(most: int) -> list[str]:
        lines = drain(most)
        tapped.read(lines)
        return lines

    def look(stack: Stack) -> None:
        tapped.tick(stack)
        looks(stack)

    trace.drain = drained
    Stack.look_for_messages = look  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    install(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    sys.exit(main())
