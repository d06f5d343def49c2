# SPDX-License-Identifier: GPL-3.0-or-later
"""Where calls stand is stored without waiting for it, and once more where that failed."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from agent.calls.saves import Saves
from agent.calls.tasks import Tasks
from agent.core.errors import StorageError
from agent.core.records import CallRecord
from agent.delivery.store import Store
from tests.core.examples import record

BRIDGED, KEPT, ENDED = (record(state=state) for state in ("bridged", "kept", "ended"))
FAILS = StorageError("the disk is full")


class Storage:
    """Writes one state after the other, each when the test says what becomes of it."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self.stored: list[str] = []
        self._asked: list[asyncio.Future[None]] = []

    async def update_call(self, call: CallRecord) -> None:
        """Wait for the test."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        await answer
        self.stored.append(call.state)

    async def answers(self, *outcomes: Exception | None) -> None:
        """Let the writes that wait end so, in their order; there must be as many."""
        await asyncio.sleep(0)
        assert len(self._asked) == len(outcomes)
        for outcome in outcomes:
            answer = self._asked.pop(0)
            answer.set_exception(outcome) if outcome else answer.set_result(None)
            for _ in range(3):
                await asyncio.sleep(0)


class Bench:
    """What is stored, and what was told of it."""

    def __init__(self) -> None:
        self.storage = Storage()
        self.broke: list[BaseException] = []
        self.not_stored: list[tuple[str, str]] = []
        self.dropped: list[str] = []
        self.saves = Saves(
            cast("Store", self.storage),
            Tasks(self.broke.append).run,
            lambda call, error: self.not_stored.append((call.state, str(error))),
            self.dropped.append,
            at_most=3,
        )


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_a_state_that_is_stored_is_not_stored_again(bench: Bench) -> None:
    bench.saves.save(BRIDGED)
    await bench.storage.answers(None)
    bench.saves.save_late()
    await bench.storage.answers()
    assert (bench.storage.stored, bench.not_stored) == (["bridged"], [])


async def test_one_that_could_not_be_stored_is_told_and_stored_once_the_storage_is_back(bench: Bench) -> None:
    bench.saves.save(BRIDGED)
    await bench.storage.answers(FAILS)
    assert bench.not_stored == [("bridged", "the disk is full")]
    bench.storage.fault = "the disk is full"
    bench.saves.save_late()
    await bench.storage.answers()
    bench.storage.fault = None
    bench.saves.save_late()
    await bench.storage.answers(None)
    bench.saves.save_late()
    await bench.storage.answers()
    assert (bench.storage.stored, bench.broke) == (["bridged"], [])


async def test_one_that_fails_again_is_tried_again(bench: Bench) -> None:
    bench.saves.save(BRIDGED)
    await bench.storage.answers(FAILS)
    for _ in range(2):
        bench.saves.save_late()
        await bench.storage.answers(FAILS)
    bench.saves.save_late()
    await bench.storage.answers(None)
    assert bench.storage.stored == ["bridged"]
    assert len(bench.not_stored) == 3


async def test_a_newer_state_takes_the_place_of_one_that_waits(bench: Bench) -> None:
    bench.saves.save(BRIDGED)
    await bench.storage.answers(FAILS)
    bench.saves.save(ENDED)
    await bench.storage.answers(None)
    bench.saves.save_late()
    await bench.storage.answers()
    assert bench.storage.stored == ["ended"]


async def test_of_two_calls_that_wait_each_is_stored(bench: Bench) -> None:
    bench.saves.save(BRIDGED)
    bench.saves.save(record(call_id="c-2", state="kept"))
    await bench.storage.answers(FAILS, FAILS)
    bench.saves.save_late()
    await bench.storage.answers(None, None)
    assert bench.storage.stored == ["bridged", "kept"]


async def test_an_older_write_that_fails_late_leaves_the_newer_state_to_be_stored(bench: Bench) -> None:
    bench.saves.save(BRIDGED)
    await asyncio.sleep(0)
    bench.saves.save(KEPT)
    bench.saves.save(ENDED)
    await bench.storage.answers(FAILS)
    bench.saves.save_late()
    await bench.storage.answers(None)
    bench.saves.save_late()
    await bench.storage.answers()
    assert bench.storage.stored == ["ended"]


async def test_of_one_call_one_state_is_written_at_a_time(bench: Bench) -> None:
    bench.saves.save(BRIDGED)
    await asyncio.sleep(0)
    bench.saves.save(ENDED)
    await bench.storage.answers(None)
    await bench.storage.answers(None)
    assert bench.storage.stored == ["bridged", "ended"]


class Owed:
    """Something that is owed; fails as often as it is told."""

    def __init__(self, storage: Storage, name: str, *fails: Exception) -> None:
        self._storage = storage
        self._name = name
        self._fails = list(fails)

    async def __call__(self) -> None:
        """Do it, or fail."""
        if self._fails:
            raise self._fails.pop(0)
        self._storage.stored.append(self._name)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_owed_is_done_before_any_later_state_of_the_call_however_often_it_fails(
    bench: Bench,
) -> None:
    bench.saves.owe("c-1", Owed(bench.storage, "first", FAILS, FAILS))
    bench.saves.owe("c-1", Owed(bench.storage, "second"))
    bench.saves.save(ENDED)
    await turns()
    assert (bench.storage.stored, bench.saves.owed) == ([], 2)
    bench.saves.save_late()
    await turns()
    assert bench.saves.owed == 2
    bench.saves.save_late()
    await turns()
    assert (bench.storage.stored, bench.saves.owed) == (["first", "second"], 0)
    await bench.storage.answers(None)
    assert bench.storage.stored == ["first", "second", "ended"]


async def test_a_mistake_of_ours_in_it_is_told_and_it_is_tried_again(bench: Bench) -> None:
    bench.saves.owe("c-1", Owed(bench.storage, "first", ValueError("a mistake")))
    await turns()
    bench.saves.save_late()
    await turns()
    assert ([str(error) for error in bench.broke], bench.storage.stored) == (["a mistake"], ["first"])


async def test_what_is_owed_can_be_settled_at_once_or_it_is_said_that_it_can_t(bench: Bench) -> None:
    await bench.saves.settle("c-1")
    bench.saves.owe("c-1", Owed(bench.storage, "first", FAILS, FAILS))
    await turns()
    with pytest.raises(StorageError):
        await bench.saves.settle("c-1")
    await bench.saves.settle("c-1")
    assert (bench.storage.stored, bench.saves.owed) == (["first"], 0)


async def test_beyond_the_bound_a_call_stays_up_on_disk_and_it_is_told(bench: Bench) -> None:
    for number in range(1, 5):
        bench.saves.owe(f"c-{number}", Owed(bench.storage, f"moment {number}", FAILS))
        await turns()
    assert bench.dropped == ["c-4"]
    bench.saves.save_late()
    await turns()
    assert bench.storage.stored == ["moment 1", "moment 2", "moment 3"]
    bench.saves.save(record(call_id="c-4", state="ended"))
    await bench.storage.answers()
    assert bench.storage.stored == ["moment 1", "moment 2", "moment 3"], "the next process must find it up"


async def test_another_error_than_the_storage_s_is_an_internal_one(bench: Bench) -> None:
    bench.saves.save(BRIDGED)
    await bench.storage.answers(ValueError("a mistake"))
    assert [str(error) for error in bench.broke] == ["a mistake"]
    assert bench.not_stored == []
