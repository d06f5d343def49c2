# SPDX-License-Identifier: GPL-3.0-or-later
"""One call as a ladder: who said what to whom, in the order of time. Pure: what is known in, a drawing out.

`drawing` has the parts of the drawing; `story`, `outbox` and `record` make its steps of what the node
remembers, what was sent to NICE, and what is on record; `audio` its bands; `build` puts them together.
"""

from __future__ import annotations

from agent.core.ladder.build import ladder
from agent.core.ladder.drawing import Band, Column, Ladder, Step, lines

__all__ = ["Band", "Column", "Ladder", "Step", "ladder", "lines"]
