# SPDX-License-Identifier: GPL-3.0-or-later
"""What RTP did on a leg, in a line."""

from __future__ import annotations

from agent.cli.legs import in_words, lowest_mos
from agent.core.quality import LegQuality, as_object

WHOLE = LegQuality("caller", "PCMU", "relay", 1000, 990, 10, 3, None, 2, 0.004, 0.05, None, 4.33)


def test_a_leg_is_told_as_far_as_it_is_known() -> None:
    assert in_words(as_object(WHOLE)) == (
        "caller: 1000 RTP packets in, 10 lost, 990 out, jitter 4.0 ms, round trip 50.0 ms, 2 from elsewhere "
        "dropped (media.latch), MOS 4.33 by estimate (PCMU, relay)"
    )
    assert in_words(as_object(LegQuality("agent", path="mix", received=1))) == (
        "agent: 1 RTP packets in, 0 lost, 0 out, jitter 0.0 ms (mix)"
    )


def test_a_table_has_the_estimate_of_the_worst_leg() -> None:
    known = [as_object(leg) for leg in (WHOLE, LegQuality("agent", mos=3.1), LegQuality("target"))]
    assert lowest_mos(known) == "3.10"
    assert lowest_mos([]) == lowest_mos(known[2:]) == "-"
