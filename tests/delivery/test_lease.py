# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is taken for dead: only one that this process has watched without a break, for a whole lease."""

from __future__ import annotations

from agent.delivery.lease import Beat, Watch, new_incarnation

LEASE = 10.0


def _look(watch: Watch, now: float, **beats: int) -> list[str]:
    found = (Beat(node, f"{node}/1", count) for node, count in beats.items())
    return [beat.node for beat in watch.look(now, found)]


def test_a_neighbour_that_beats_is_alive() -> None:
    watch = Watch(LEASE)
    assert all(_look(watch, now, a=now) == [] for now in range(0, 100, 2))


def test_one_that_misses_its_beats_for_a_lease_has_run_out() -> None:
    watch = Watch(LEASE)
    seen = {now: _look(watch, now, a=7, b=now) for now in range(0, 14, 2)}
    assert [now for now, overdue in seen.items() if overdue == ["a"]] == [10, 12]


def test_one_beat_begins_the_lease_anew() -> None:
    watch = Watch(LEASE)
    for now in range(0, 10, 2):
        _look(watch, now, a=7)
    assert _look(watch, 10, a=8) == []
    assert [_look(watch, now, a=8) for now in range(12, 20, 2)] == [[]] * 4
    assert _look(watch, 20, a=8) == ["a"]


def test_nobody_is_judged_by_a_time_in_which_this_process_could_not_look() -> None:
    watch = Watch(LEASE)
    for now in range(0, 8, 2):
        _look(watch, now, a=7)
    assert _look(watch, 60, a=7) == []  # the database was away: the neighbour could not beat either
    assert [_look(watch, now, a=7) for now in range(62, 70, 2)] == [[]] * 4
    assert _look(watch, 70, a=7) == ["a"]


def test_a_new_life_of_a_node_is_another() -> None:
    watch = Watch(LEASE)
    for now in range(0, 10, 2):
        watch.look(now, [Beat("a", "a/1", 7)])
    assert watch.look(10, [Beat("a", "a/2", 7)]) == ()
    assert new_incarnation("a") != new_incarnation("a")
