# SPDX-License-Identifier: GPL-3.0-or-later
"""Token buckets: bursts, the rate after them, and a table that does not grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.rate import Bucket, Buckets


def test_a_burst_is_taken_at_once_and_what_follows_at_the_rate() -> None:
    bucket = Bucket(2.0, 4.0, 100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [0.0] * 4
    assert bucket.take(100.0) == pytest.approx(0.5)
    assert bucket.take(100.25) == pytest.approx(0.25)
    assert bucket.take(100.5) == 0.0
    assert bucket.take(100.5) == pytest.approx(0.5)


def test_a_look_takes_nothing() -> None:
    bucket = Bucket(1.0, 1.0, 0.0)
    assert [bucket.wait(0.0) for _ in range(3)] == [0.0] * 3
    assert bucket.take(0.0) == 0.0
    assert bucket.wait(0.5) == pytest.approx(0.5)


def test_a_long_rest_fills_it_to_the_burst_and_no_further() -> None:
    bucket = Bucket(1.0, 2.0, 0.0)
    assert [bool(bucket.take(1_000_000.0)) for _ in range(3)] == [False, False, True]


@given(
    st.floats(0.5, 100.0),
    st.integers(1, 50),
    st.lists(st.floats(0.0, 3.0), max_size=60),
)
def test_no_more_is_taken_in_any_time_than_burst_and_rate_allow(
    rate: float, burst: int, pauses: list[float]
) -> None:
    bucket = Bucket(rate, burst, 0.0)
    now, taken = 0.0, 0
    for pause in pauses:
        now += pause
        taken += not bucket.take(now)
        assert taken <= burst + rate * now + 1e-6


@given(st.floats(0.5, 100.0), st.integers(1, 5))
def test_who_waits_as_long_as_was_said_gets_one(rate: float, burst: int) -> None:
    bucket = Bucket(rate, burst, 0.0)
    while not (wait := bucket.take(0.0)):
        pass
    assert bucket.wait(wait * 0.9) > 0.0
    assert bucket.take(wait + 1e-9) == 0.0


def test_each_key_has_its_own_bucket() -> None:
    buckets: Buckets[str] = Buckets(1.0, 1.0, 10)
    assert buckets.take("a", 0.0) == 0.0
    assert buckets.take("a", 0.0) > 0.0
    assert buckets.take("b", 0.0) == 0.0
    assert (buckets.wait("a", 0.0) > 0.0, buckets.wait("c", 0.0)) == (True, 0.0)


def test_the_table_is_bounded_and_those_in_use_stay() -> None:
    buckets: Buckets[int] = Buckets(1.0, 1.0, 3)
    buckets.take(0, 0.0)
    for key in range(1, 100):
        buckets.take(key, 0.0)
        assert buckets.take(0, 0.0) > 0.0, "the one in use was forgotten"
        assert len(buckets) <= 3
