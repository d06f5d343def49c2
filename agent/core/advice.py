# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator is told of a failure besides what was seen: the likely cause, and what to do."""

from __future__ import annotations

from typing import Final, NamedTuple


class Advice(NamedTuple):
    """The likely cause of a failure, and what to do; from what integrators reported."""

    cause: str
    remedy: str


NO_ADVICE: Final = Advice("", "see what it said")
