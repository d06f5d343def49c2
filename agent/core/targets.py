# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order a project's voice agents are tried (as SRV records are, RFC 2782)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from agent.core.model import Target


class Weighted(Protocol):
    """What has a share among its peers."""

    @property
    def weight(self) -> int:
        """The share."""


Peer = TypeVar("Peer", bound=Weighted)


def in_order(
    targets: Sequence[Target], random: Callable[[], float], down: Iterable[str] = ()
) -> tuple[Target, ...]:
    """Lower priority first, by weighted chance within a priority, those known to be down last.

    Args:
        targets: the project's voice agents.
        random: gives a number from 0 up to 1, such as `random.random`.
        down: URIs of targets that do not answer their probes. They stay in the list: a wrong probe must
            not leave a caller without an agent.
    """
    if len(targets) < 2:  # noqa: PLR2004 - nothing to draw
        return tuple(targets)
    unhealthy = set(down)
    order: list[Target] = []
    left = list(targets)
    while left:
        best = min((one.uri in unhealthy, one.priority) for one in left)
        peers = [one for one in left if (one.uri in unhealthy, one.priority) == best]
        chosen = draw(peers, random())
        order.append(chosen)
        left.remove(chosen)
    return tuple(order)


def draw(peers: Sequence[Peer], chance: float) -> Peer:
    """One of them, by weight (RFC 2782); `chance` lies in 0 to 1."""
    mark = chance * sum(one.weight for one in peers)
    for one in peers:
        mark -= one.weight
        if mark < 0:
            return one
    return peers[-1]
