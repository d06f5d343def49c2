# SPDX-License-Identifier: GPL-3.0-or-later
"""The E-model against what ITU-T published, and how a leg's quality is kept as text."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agent.core.quality import (
    BASE,
    BPL_WITHOUT_CONCEALMENT,
    LegQuality,
    estimate,
    from_text,
    in_words,
    mos,
    rating,
    spelled,
    to_text,
)

LEG = LegQuality("caller", "PCMU", "relay", 100, 99, 1, 2, None, 3, 0.004, 0.05, None, 4.29)


def test_with_nothing_lost_and_no_delay_the_rating_is_that_of_g_107_s_default_values() -> None:
    assert rating(0.0, 0.0) == BASE == 93.2
    assert mos(BASE) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(
    ("rated", "score"),
    [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (0, 1.0), (-5, 1.0), (100, 4.5), (120, 4.5)],
)
def test_scores_are_those_of_g_107_table_b_1(rated: float, score: float) -> None:
    assert mos(rated) == pytest.approx(score, abs=0.0075)


@pytest.mark.parametrize(
    ("percent", "impairment"), [(1, 5), (2, 7), (3, 10), (5, 15), (7, 20), (10, 25), (20, 45)]
)
def test_lost_packets_cost_g_711_with_concealment_what_g_113_tabulates(
    percent: float, impairment: float
) -> None:
    """G.113 Appendix I (09/1999), tables I.2 and I.3; the equation, with Bpl 25.1, was fitted to them."""
    assert BASE - rating(percent / 100, 0.0) == pytest.approx(impairment, abs=3)


def test_what_was_of_no_use_is_lost_to_whoever_listens() -> None:
    assert estimate(100, 0, 0.0, None, "PCMU", discarded=10) == estimate(90, 10, 0.0, None, "PCMU")
    assert estimate(9, 0, 0.0, None, "PCMU", discarded=10**6) == estimate(
        9, 0, 0.0, None, "PCMU", discarded=9
    )


def test_without_concealment_half_of_the_scale_is_gone_at_some_four_percent() -> None:
    lost = BASE - rating(BPL_WITHOUT_CONCEALMENT / 100, 0.0, bpl=BPL_WITHOUT_CONCEALMENT)
    assert lost == pytest.approx(95 / 2), "by equation 7-29, at Ppl = Bpl"


@pytest.mark.parametrize(
    ("milliseconds", "impairment"), [(0, 0.0), (100, 0.0), (150, 0.1), (200, 3.0), (300, 14.7), (400, 24.0)]
)
def test_delay_costs_little_up_to_150_ms_and_much_from_there_on(
    milliseconds: float, impairment: float
) -> None:
    """Idd of equation 7-27; G.114 figure 1 shows the same bend."""
    assert BASE - rating(0.0, milliseconds / 1000) == pytest.approx(impairment, abs=0.5)


def test_losses_that_come_in_bursts_cost_more() -> None:
    assert rating(0.05, 0.0, burst=2.0) < rating(0.05, 0.0)


def test_an_estimate_is_of_what_came_and_falls_with_loss_jitter_and_way() -> None:
    clean = estimate(1000, 0, 0.0, None, "PCMA")
    assert clean == 4.41
    for worse in (
        estimate(950, 50, 0.0, None, "PCMA"),
        estimate(1000, 0, 0.2, None, "PCMA"),
        estimate(1000, 0, 0.0, 0.6, "PCMA"),
    ):
        assert worse is not None
        assert 1.0 <= worse < clean


@pytest.mark.parametrize(("received", "codec"), [(0, "PCMU"), (100, ""), (100, "speex")])
def test_nothing_is_estimated_where_nothing_came_or_the_codec_is_not_known(received: int, codec: str) -> None:
    assert estimate(received, 5, 0.0, None, codec) is None


@pytest.mark.parametrize("codec", ["G722", "opus"])
def test_wideband_codecs_are_taken_as_g_711_is(codec: str) -> None:
    assert estimate(90, 10, 0.01, 0.1, codec) == estimate(90, 10, 0.01, 0.1, "PCMU")


def test_everything_lost_is_the_end_of_the_scale_and_no_error() -> None:
    assert estimate(1, 10**9, 100.0, 1000.0, "PCMU") == 1.0


def test_legs_are_kept_as_text_and_come_back() -> None:
    legs = (LEG, LegQuality("agent"))
    assert from_text(to_text(legs)) == legs
    assert (to_text(()), from_text("[]")) == ("[]", ())


def test_what_a_newer_agent_adds_is_passed_over_and_what_it_leaves_out_is_not_known() -> None:
    assert from_text(json.dumps([{"side": "caller", "smell": 3}])) == (LegQuality("caller"),)


def test_the_share_of_lost_packets() -> None:
    assert pytest.approx(1 / 101) == LEG.loss
    assert LegQuality("agent").loss == 0.0


@pytest.mark.parametrize(
    ("said", "codec"),
    [("PCMU", "PCMU"), ("pcma", "PCMA"), ("g722", "G722"), ("OPUS", "opus"), ("speex", "speex"), ("", "")],
)
def test_a_codec_is_spelled_one_way_however_a_far_end_writes_it(said: str, codec: str) -> None:
    assert spelled(said) == codec


def test_a_leg_is_put_in_words_as_far_as_it_is_known() -> None:
    assert in_words(LegQuality("agent", received=1)) == "1 RTP packets in, 0 lost, 0 out, jitter 0.0 ms"
    assert in_words(replace(LEG, discarded=4, longest_gap=0.25)) == (
        "100 RTP packets in, 1 lost, 99 out, jitter 4.0 ms, longest gap 0.25 s, 4 of no use, "
        "round trip 50.0 ms, 3 from elsewhere dropped (media.latch)"
    )
