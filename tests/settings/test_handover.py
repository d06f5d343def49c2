# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration on its way between two processes: what is copied, and what is not."""

from __future__ import annotations

import gc
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from agent.core.frozen import FrozenDict
from agent.core.number_map import NumberMap
from agent.core.numbers import NumberRule
from agent.settings import Mistakes, changes, load, load_in_child
from agent.settings.handover import PackedFresh, fill, lend, new_memory, pack, unpack

EXAMPLE = Path(__file__).parents[2] / "config"


def numbers(count: int, project: str = "acme-care", first: int = 8_000_000_000) -> NumberMap:
    """So many numbers, each with a label of its own."""
    return NumberMap(
        NumberRule(str(first + at), (project,), FrozenDict({"shop": str(at)}), "numbers/big.yaml", at + 2)
        for at in range(count)
    )


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def on_the_way(before: NumberMap, after: NumberMap) -> int:
    """Bytes that the loop unpickles."""
    base = load(EXAMPLE)
    old, new = replace(base, numbers=before), replace(base, numbers=after)
    return len(pickle.dumps(PackedFresh(pack(new), changes(old, new).summary(len(old.numbers)))))


def test_what_the_loop_unpickles_does_not_grow_with_the_numbers() -> None:
    few = on_the_way(numbers(100), numbers(100, "acme-sales", first=8_000_000_050))
    many = on_the_way(numbers(5000), numbers(5000, "acme-sales", first=8_000_002_500))
    assert many < few + 100


def test_rules_are_read_in_the_memory_that_another_process_filled() -> None:
    base, before = load(EXAMPLE), descriptors()
    there = replace(base, numbers=numbers(1000))
    memory = new_memory()
    fill(memory, there.numbers)
    here = unpack(pickle.loads(pickle.dumps(pack(there))), memory)  # noqa: S301 - our own
    assert list(here.numbers) == list(there.numbers)
    assert here.numbers.match("8000000042") == there.numbers.match("8000000042")
    assert here.numbers.nearest("8000001000") == there.numbers.nearest("8000001000")
    again = pickle.loads(pickle.dumps(here.numbers))  # noqa: S301 - our own
    assert list(again) == list(there.numbers)
    os.close(lend(here.numbers))
    del here, again
    assert descriptors() == before, "memory goes with the last call that began with it"


def test_memory_that_was_filled_can_t_be_changed_any_more() -> None:
    memory = new_memory()
    fill(memory, numbers(1))
    for change in (lambda: os.write(memory, b"x"), lambda: os.ftruncate(memory, 0)):
        with pytest.raises(PermissionError):
            change()
    os.close(memory)


async def test_the_child_compares_with_what_is_in_force(tmp_path: Path) -> None:
    before = descriptors()
    first = (await load_in_child(EXAMPLE)).snapshot
    for in_force in (first, load(EXAMPLE)):  # in memory that a child filled, and in this process's own
        fresh = await load_in_child(EXAMPLE, replace(in_force, numbers=numbers(3)))
        assert fresh.summary is not None
        assert (fresh.summary.before, fresh.summary.lost) == (3, 0)
        assert "number 8000000001 goes" in fresh.summary.lines
    with pytest.raises(Mistakes):
        await load_in_child(tmp_path, first)
    fresh = await load_in_child(EXAMPLE, first)
    assert fresh.summary is not None
    assert fresh.summary.lines == ()
    del fresh, first, in_force
    assert descriptors() <= before + 1, "one is the event loop's own"
