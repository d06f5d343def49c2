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


def test_memory_is_given_back_once_when_the_last_call_is_over(node: Node) -> None:
    looks = [node.looked(busy=busy) for busy in (False, True, True, False, False, True, False)]
    given_back = ["give back" in done for done in looks]
    assert given_back == [False, False, False, True, False, False, True]
    assert ["rest" in done for done in looks] == given_back


def test_everything_is_looked_at_each_minute_and_young_objects_each_second(node: Node) -> None:
    looks = [node.looked(busy=False)[0] for _ in range(120)]
    assert [number for number, done in enumerate(looks, 1) if done == "collect (2,)"] == [60, 120]
    assert looks.count("collect (1,)") == 118


def test_the_c_library_gives_back() -> None:
    module._malloc_trim()()
