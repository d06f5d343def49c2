# SPDX-License-Identifier: GPL-3.0-or-later
"""When a voice agent's address counts as down, and when as up again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.model import Probe
from agent.core.probing import Health, answers

PROBE = Probe(fail=3, recover=2)


def after(*statuses: int) -> bool:
    """Whether the address is up after these outcomes."""
    health = Health(PROBE)
    for status in statuses:
        health.take(status)
    return health.up


@pytest.mark.parametrize("status", [200, 302, 404, 405, 480, 486, 488])
def test_whoever_answers_so_can_take_a_call(status: int) -> None:
    assert answers(status)


@pytest.mark.parametrize("status", [408, 500, 501, 503, 603])
def test_whoever_answers_so_or_not_at_all_can_not(status: int) -> None:
    assert not answers(status)


def test_an_address_is_up_until_its_probes_say_otherwise() -> None:
    assert Health(PROBE).up


def test_it_is_down_after_so_many_failures_in_a_row() -> None:
    assert after(408, 408)
    assert not after(408, 503, 408)


def test_one_answer_between_failures_starts_the_count_anew() -> None:
    assert after(408, 408, 200, 408, 408)


def test_it_is_up_again_after_so_many_answers_in_a_row() -> None:
    assert not after(408, 408, 408, 200)
    assert not after(408, 408, 408, 200, 408, 200)
    assert after(408, 408, 408, 200, 200)


@given(st.lists(st.sampled_from([200, 408])))
def test_each_change_is_told_once(statuses: list[int]) -> None:
    health, up = Health(PROBE), True
    for status in statuses:
        changed = health.take(status)
        assert changed is (health.up is not up)
        up = health.up
