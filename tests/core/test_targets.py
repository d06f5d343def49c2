# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which voice agents are tried."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from agent.core.model import Target
from agent.core.targets import in_order

TARGETS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=8).map(
    lambda rows: tuple(
        Target(uri=f"sip:bot@10.0.0.{index}", priority=priority, weight=weight)
        for index, (priority, weight) in enumerate(rows)
    )
)


@given(TARGETS, st.data(), st.randoms(use_true_random=False))
def test_each_target_is_tried_once_by_health_then_priority(
    targets: tuple[Target, ...], data: st.DataObject, random: Random
) -> None:
    down = data.draw(st.sets(st.sampled_from([one.uri for one in targets])))
    order = in_order(targets, random.random, down)
    assert Counter(one.uri for one in order) == Counter(one.uri for one in targets)
    ranks = [(one.uri in down, one.priority) for one in order]
    assert ranks == sorted(ranks)


@given(TARGETS, st.sampled_from([0.0, 0.5, 1.0 - 2**-53]))
def test_the_ends_of_chance_choose_too(targets: tuple[Target, ...], chance: float) -> None:
    assert len(in_order(targets, lambda: chance)) == len(targets)


def test_weights_are_shares_of_the_calls() -> None:
    targets = [Target(uri=f"sip:bot@10.0.0.{weight}", weight=weight) for weight in (1, 2, 7)]
    random = Random(7)  # noqa: S311 - the same draws in every run
    firsts = Counter(in_order(targets, random.random)[0].weight for _ in range(10_000))
    for weight in (1, 2, 7):
        assert abs(firsts[weight] / 10_000 - weight / 10) < 0.02


def test_the_mark_falls_where_the_weights_say() -> None:
    light, heavy = Target(uri="sip:a@10.0.0.1", weight=1), Target(uri="sip:b@10.0.0.2", weight=3)
    for chance, first in ((0.0, light), (0.24, light), (0.25, heavy), (0.99, heavy)):
        assert in_order((light, heavy), lambda mark=chance: mark)[0] is first  # type: ignore[misc]  # bound now


def test_the_same_target_written_twice_is_tried_twice() -> None:
    twice = (Target(uri="sip:a@10.0.0.1"), Target(uri="sip:a@10.0.0.1"))
    assert in_order(twice, lambda: 0.0) == twice
