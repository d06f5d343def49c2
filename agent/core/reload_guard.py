# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an edit takes away so much of the number map that somebody must say that it is meant."""

from __future__ import annotations


def objection(before: int, lost: int, most: float | None) -> str | None:
    """What speaks against putting a number map in force; None when nothing does.

    Args:
        before: rules that the map in force has.
        lost: by how many fewer of its numbers would be taken, those that appear set off.
        most: the share of them (0 to 1) that may go unasked; None: all.
    """
    if most is None or lost <= before * most:
        return None
    return (
        f"{lost} of {before} rules of the number map would go and their calls be refused; reload_guard lets "
        f"{most:.0%} go unasked: confirm with handoff-agent reload --yes, or put them back"
    )
