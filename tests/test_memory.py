# SPDX-License-Identifier: GPL-3.0-or-later
"""When memory is collected and given back."""

from __future__ import annotations

import gc

import pytest

from agent import memory as module
from agent.memory import Memory


class Node:
    """A node that is busy or not, and what was done to its memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.busy = False
        self.done: list[str] = []
        monkeypatch.setattr(module, "_malloc_trim", lambda: lambda: self.done.append("give back"))
        monkeypatch.setattr(gc, "collect", lambda *generation: self.done.append(f"collect {generation}"))
        self.memory = Memory(lambda: self.busy, lambda: self.done.append("rest"))

    def looked(self, *, busy: bool) -> list[str]:
        """What one look does."""
        self.busy = busy
        self.done.clear()
        self.memory.look()
        return list(self.done)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


def test_memory_is_given_back_once_after_the_last_transaction_of_the_last_call(node: Node) -> None:
    busy = [*[False] * 40, True, *[False] * 20, True, *[False] * 80]
    looks = [node.looked(busy=one) for one in busy]
    given_back = [number for number, done in enumerate(looks) if "give back" in done]
    assert given_back == [61 + 34]
    assert [number for number, done in enumerate(looks) if "rest" in done] == given_back


def test_everything_is_looked_at_each_ten_minutes_and_young_objects_each_second(node: Node) -> None:
    looks = [node.looked(busy=False)[0] for _ in range(1200)]
    assert [number for number, done in enumerate(looks, 1) if done == "collect (2,)"] == [600, 1200]
    assert looks.count("collect (1,)") == 1198


def test_the_c_library_gives_back() -> None:
    module._malloc_trim()()
