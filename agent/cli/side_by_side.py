# SPDX-License-Identifier: GPL-3.0-or-later
"""The same work for many nodes at once; whoever waits for it can be interrupted at any time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

_AT_ONCE: Final = 16

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Item], Result], items: Collection[Item]) -> list[Result]:
    """What ``work`` gives for each of them, in their order.

    Its threads are daemons: an interrupt does not wait for a node that hangs.

    Raises:
        Exception: the first that ``work`` raised.
    """
    waiting: SimpleQueue[tuple[int, Item]] = SimpleQueue()
    done: SimpleQueue[tuple[int, Result | None, BaseException | None]] = SimpleQueue()
    for pair in enumerate(items):
        waiting.put(pair)

    def each() -> None:
        while True:
            try:
                index, item = waiting.get_nowait()
            except Empty:
                return
            try:
                done.put((index, work(item), None))
            except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits
                done.put((index, None, error))

    for _ in range(min(_AT_ONCE, len(items))):
        threading.Thread(target=each, daemon=True).start()
    found: dict[int, Result] = {}
    for _ in range(len(items)):
        index, result, error = done.get()
        if error is not None:
            raise error
        found[index] = result  # type: ignore[assignment]  # it is one: there was no error
    return [found[index] for index in range(len(items))]
