# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds of the histograms, in seconds where nothing else is said."""

from __future__ import annotations

from typing import Final

# Each row of buckets reaches past the promise it is held against on both sides, so that a quantile near the
# promise is not just the edge of the last bucket.
SETUP: Final = (
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.1,
    0.15,
    0.2,
    0.3,
    0.5,
    0.75,
    1,
    1.5,
    2,
    3,
    5,
    10,
    20,
    30,
    60,
)  # ring: 30 s
SETUP_SHOWN: Final = (0.05, 0.5, 3, 30)
"""Of them those that each project has in /metrics; the node has all."""
SIGNAL: Final = (
    0.01,
    0.025,
    0.05,
    0.1,
    0.2,
    0.3,
    0.5,
    1,
    2,
    3,
    4,
    5,
    10,
    30,
    60,
    120,
    300,
)  # 3 s; TTL 2 min
START: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 3, 10, 30, 120)
RETURN: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 30)  # 3 s + 5 s for a BYE
JITTER: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)
ROUND_TRIP: Final = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
MOS: Final = (1.5, 2, 2.58, 3.1, 3.6, 4.03, 4.34, 4.5)
"""Scores. Those with two places part what users say (G.109): from 4.34 up they are very satisfied, below 3.6
many are dissatisfied, below 2.58 nearly all."""
LAG: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
