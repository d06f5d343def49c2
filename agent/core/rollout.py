# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout orders of a node, and when the node refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be in force.

    Attributes:
        fingerprint: that the files must give; empty: any.
        until: seconds since the epoch after which nobody waits for it any more, and the others may have
            been taken back; None: for ever.
    """

    fingerprint: str = ""
    until: float | None = None

    def objection(self, files: str, now: float) -> str | None:
        """What speaks against putting in force what the files give; None when nothing does."""
        if self.until is not None and now > self.until:
            return f"the order came {now - self.until:.0f} s too late: the rollout was given up meanwhile"
        if self.fingerprint and files != self.fingerprint:
            return f"the files on this node give {files} and not {self.fingerprint}: bring them there first"
        return None


ANY: Final = Order()


def objection_to_going_back(to: str, instead_of: str, in_force: str, before: str) -> str | None:
    """What speaks against putting the configuration before in force again; None when nothing does.

    Args:
        to: the one that is wanted.
        instead_of: the one that must be in force now.
        in_force: the one that is.
        before: the one that is still remembered; empty: none.
    """
    if in_force == to:
        return None
    if in_force != instead_of:
        return f"{in_force} is in force here and not {instead_of}: somebody else reloaded, and keeps that"
    if before != to:
        return f"{to} is not remembered here any more (a restart?): put its files back and reload"
    return None
