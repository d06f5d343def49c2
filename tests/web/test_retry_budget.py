# SPDX-License-Identifier: GPL-3.0-or-later
"""How many repetitions a service in trouble gets."""

from __future__ import annotations

from agent.web.retry_budget import RetryBudget


def _faulty() -> RetryBudget:
    budget = RetryBudget()
    budget.record(failed=True)
    return budget


def test_while_all_goes_well_repetitions_are_free() -> None:
    assert all(RetryBudget().spend(0.0) for _ in range(1000))


def test_each_first_try_earns_one_repetition_of_what_fails() -> None:
    budget = _faulty()
    for _ in range(7):
        budget.offered(100.0)
    assert [budget.spend(100.0) for _ in range(8)] == [True] * 7 + [False]


def test_what_can_be_saved_up_is_bounded() -> None:
    budget = _faulty()
    for _ in range(10_000):
        budget.offered(100.0)
    assert sum(budget.spend(100.0) for _ in range(10_000)) == 100


def test_good_times_save_up_nothing_for_bad_ones() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.offered(100.0)
    budget.record(failed=True)
    assert sum(budget.spend(100.0) for _ in range(10_000)) == 1


def test_where_few_calls_come_two_repetitions_a_second_are_earned_by_waiting() -> None:
    budget = _faulty()
    budget.offered(100.0)
    spent = [now for now in (100.0 + number / 8 for number in range(17)) if budget.spend(now)]
    assert spent == [100.0, 100.5, 101.0, 101.5, 102.0]


def test_twenty_in_a_row_that_are_served_make_it_well_again() -> None:
    budget = _faulty()
    budget.spend(0.0)
    for _ in range(19):
        budget.record(failed=False)
        budget.record(failed=None)
    assert not budget.spend(0.25)
    budget.record(failed=False)
    assert budget.spend(0.25)
    budget.record(failed=True)
    assert not budget.spend(0.25)
