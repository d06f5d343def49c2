# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a rollout: all nodes look, one takes it and is watched, the others follow, or all go back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from agent.cli.rollout_node import Member, Patience
from agent.cli.side_by_side import side_by_side

_BACK: Final = 30.0
"""Seconds in which all are to be taken back."""
_SHOWN: Final = 50


class Rollout:
    """One attempt to bring all members to one fingerprint.

    Args:
        members: the nodes; the first goes first.
        target: the fingerprint.
        deadline: seconds for the looks of all, and again for their taking it.
        yes: the number map may lose more than ``reload_guard`` lets go unasked.
        why: the reason, for the nodes' record.

    Attributes:
        stop: when it is set, no node is asked again.
    """

    def __init__(
        self, members: Sequence[Member], target: str, deadline: float, *, yes: bool = False, why: str = ""
    ) -> None:
        self.members = members
        self.target = target
        self.stop = threading.Event()
        self._deadline = deadline
        self._yes = yes
        self._why = why

    def look(self, say: Callable[[str], None]) -> bool:
        """Wait until the files of all are the ones wanted and would be taken; whether they are."""
        patience = Patience(self._deadline, self.stop)
        return all(
            side_by_side(lambda one: one.look(self.target, patience, say, yes=self._yes), self.members)
        )

    def changes(self) -> Iterator[str]:
        """What changes on the nodes, told once for those where it is the same."""
        alike: dict[tuple[str, ...], list[str]] = {}
        for one in self.members:
            alike.setdefault(tuple(one.changes), []).append(one.name)
        for lines, names in alike.items():
            who = ", ".join(names)
            if not lines:
                yield f"{who}: nothing changes"
                continue
            yield f"{who}:"
            yield from (f"  {line}" for line in lines[:_SHOWN])
            if len(lines) > _SHOWN:
                yield f"  and {len(lines) - _SHOWN} more"

    def take(self, watch: float, say: Callable[[str], None]) -> str | None:
        """The first, then all others take it; None when all hold it, else why not."""
        first, others = self.members[:1], self.members[1:]
        why = self._take(first)
        if why is None and others:
            name = first[0].name
            say(f"{name} holds {self.target}, and is watched for {watch:g} s before the others follow")
            why = self._held(first, watch) or self._take(others)
        return why or self._held(self.members, 0.0)

    def _take(self, members: Sequence[Member]) -> str | None:
        """Have them take it; None when they did, else why not."""
        patience = Patience(self._deadline, self.stop)
        until = time.time() + patience.left

        def takes(one: Member) -> bool:
            return one.take(self.target, patience, until, yes=self._yes, why=self._why)

        return _first_no(members, side_by_side(takes, members))

    def _held(self, members: Sequence[Member], seconds: float) -> str | None:
        """Watch them for so long; None when they hold it and are sound, else why not."""
        patience = Patience(self._deadline + seconds, self.stop)
        held = side_by_side(lambda one: one.observe(self.target, seconds, patience), members)
        return _first_no(members, held)

    def back(self, why: str) -> bool:
        """Take back all that were told; whether each holds what it held before."""
        patience = Patience(_BACK, self.stop)
        reason = f"rollout given up: {why}"[:200]
        told = [one for one in self.members if one.told]
        return all(side_by_side(lambda one: one.back(self.target, patience, reason), told))


def _first_no(members: Sequence[Member], answers: Sequence[bool]) -> str | None:
    """What the first said that answered no."""
    return next(
        (f"{one.name}: {one.said}" for one, yes in zip(members, answers, strict=True) if not yes), None
    )
