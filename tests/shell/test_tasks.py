# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that nobody awaits: it is kept until it is done, and its failure is told."""

from __future__ import annotations

import asyncio
import gc

from agent.calls.tasks import Tasks


async def test_work_is_kept_until_it_is_done_though_nobody_holds_it() -> None:
    failed: list[BaseException] = []
    tasks, go, done = Tasks(failed.append), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go.wait()
        done.set()

    tasks.run(work())
    await asyncio.sleep(0)
    gc.collect()
    go.set()
    await done.wait()
    assert failed == []


async def test_the_error_of_one_is_told_and_the_others_go_on() -> None:
    failed: list[BaseException] = []
    tasks, finished = Tasks(failed.append), []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        if number == 1:
            raise ValueError("one")
        finished.append(number)

    for number in range(3):
        tasks.run(work(number))
    await tasks.settle()
    assert [str(error) for error in failed] == ["one"]
    assert finished == [0, 2]


async def test_what_is_cancelled_has_not_failed() -> None:
    failed: list[BaseException] = []
    escaped: list[object] = []
    tasks = Tasks(failed.append)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: escaped.append(context))

    async def give_up() -> None:
        raise asyncio.CancelledError

    tasks.run(give_up())
    await tasks.settle()
    await asyncio.sleep(0)
    assert (failed, escaped) == ([], [])


async def test_settling_also_waits_for_what_is_started_meanwhile() -> None:
    tasks, finished = Tasks(lambda _: None), []

    async def second() -> None:
        await asyncio.sleep(0)
        finished.append("second")

    async def first() -> None:
        await asyncio.sleep(0)
        tasks.run(second())

    tasks.run(first())
    await tasks.settle()
    assert finished == ["second"]
