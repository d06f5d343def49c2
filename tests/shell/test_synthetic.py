# SPDX-License-Identifier: GPL-3.0-or-later
"""Test calls on a schedule: each project's in its turn, what fails in a row, what a reload takes away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from agent import children
from agent.calls.synthetic import SyntheticCalls
from agent.children import Said
from agent.core.model import Snapshot
from agent.core.synthetic import Order, Result
from agent.telemetry.metrics import Metrics
from tests.calls.harness.metrics import parse, total
from tests.calls.harness.waiting import eventually
from tests.core.examples import snapshot
from tests.shell.harness.settings import care

GOOD = Result("care", answered_by="sip:bot@10.0.0.5:5070", response_gap=0.5, received=100, sent=100)
TALKS = Result("care", answered_by="sip:bot@10.0.0.5:5070", unclear=("it talks on",))
DEAF = Result("care", answered_by="sip:bot@10.0.0.5:5070", wrong=("it does not hear us",))


class Children:
    """Plays the processes that make the calls.

    Attributes:
        results: what comes of the next calls, the last one for ever.
        orders: what was asked for.
    """

    def __init__(self) -> None:
        self.results: list[Result | OSError | Said] = [GOOD]
        self.orders: list[Order] = []
        self.go = asyncio.Event()
        self.go.set()

    async def ask(self, module: str, *, told: bytes, seconds: float) -> Said:
        """Stands for `agent.children.ask`."""
        assert module == "agent.simulators.synthetic"
        assert seconds > 60
        self.orders.append(Order.from_json(told))
        await self.go.wait()
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, OSError):
            raise result
        return result if isinstance(result, Said) else Said(0, result.to_json().encode(), b"")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Children:
    """Nothing is started, and the first calls come at once."""
    played = Children()
    monkeypatch.setattr(children, "ask", played.ask)
    monkeypatch.setattr(random, "random", lambda: 0.0)
    return played


class Node:
    """Schedules and their metrics."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.broke: list[BaseException] = []
        self.now = wanting("care")
        self.calls = SyntheticCalls(
            lambda: self.now, self.metrics, frozenset, lambda _, error: self.broke.append(error)
        )

    def follow(self, now: Snapshot) -> None:
        """A configuration comes into force."""
        self.now = now
        self.calls.follow(now)

    def told(self, name: str, **labels: str) -> float:
        """A metric."""
        return total(parse(self.metrics.render()[0].decode()), f"handoff_synthetic_{name}", **labels)


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """A node that makes no test calls yet."""
    node = Node()
    yield node
    await node.calls.aclose()
    assert not node.broke


def wanting(*names: str, every: str = "10s") -> Snapshot:
    """A configuration whose project `care` wants test calls, if it is named."""
    changes = {"synthetic": {"every": every}} if "care" in names else {}
    return snapshot(care(**changes))


def hurry(node: Node, seconds: float = 0.01) -> None:
    """Let the schedule of what is in force go faster than a configuration may say."""
    project = node.now.projects["care"]
    object.__setattr__(project.synthetic, "every", seconds)


async def test_a_call_that_goes_well_is_counted_with_its_response(node: Node, played: Children) -> None:
    node.follow(node.now)
    await eventually(lambda: node.told("calls_total", result="passed") == 1)
    assert node.told("response_seconds", project="care") == 0.5
    assert node.told("failures", project="care") == 0
    (order,) = played.orders
    assert [callee.uri for callee in order.callees] == ["sip:bot@10.0.0.5:5070"]
    assert ("X-Handoff-Test", "1") in order.headers


async def test_failures_in_a_row_are_counted_until_one_goes_well(node: Node, played: Children) -> None:
    hurry(node)
    played.results = [DEAF, DEAF, DEAF]
    node.follow(node.now)
    await eventually(lambda: node.told("failures") >= 3)
    assert node.told("calls_total", result="failed") >= 3
    played.results = [GOOD]
    await eventually(lambda: node.told("calls_total", result="passed") >= 1)
    assert node.told("failures") == 0


async def test_one_that_could_tell_nothing_is_counted_apart_from_failures(
    node: Node, played: Children
) -> None:
    hurry(node)
    played.results = [TALKS]
    node.follow(node.now)
    await eventually(lambda: node.told("unclear") >= 2)
    assert node.told("calls_total", result="unclear") >= 2
    assert node.told("failures") == 0
    played.results = [GOOD]
    await eventually(lambda: node.told("calls_total", result="passed") >= 1)
    assert node.told("unclear") == 0


@pytest.mark.parametrize("failure", [OSError(12, "no memory"), Said(2, b"", b"no port is free\n")])
async def test_one_that_can_not_be_made_says_nothing_of_the_voice_agent(
    node: Node, played: Children, failure: OSError | Said
) -> None:
    hurry(node)
    played.results = [DEAF, failure]
    node.follow(node.now)
    await eventually(lambda: node.told("calls_total", result="not_made") >= 2)
    assert node.told("failures") == 1


async def test_a_reload_that_wants_none_ends_them_and_their_metrics(node: Node, played: Children) -> None:
    hurry(node)
    played.results = [DEAF]
    node.follow(node.now)
    await eventually(lambda: node.told("failures") >= 1)
    node.follow(wanting())
    made = len(played.orders)
    assert "handoff_synthetic_unclear{" not in node.metrics.render()[0].decode()
    assert "handoff_synthetic_failures{" not in node.metrics.render()[0].decode()
    for _ in range(20):
        await asyncio.sleep(0.005)  # in which another one would come
    assert len(played.orders) <= made + 1


async def test_a_reload_that_changes_nothing_of_them_leaves_their_time(node: Node, played: Children) -> None:
    node.follow(wanting("care", every="1h"))
    await eventually(lambda: len(played.orders) == 1)
    node.follow(wanting("care", every="1h"))
    assert len(played.orders) == 1


async def test_one_that_is_under_way_ends_with_the_node(node: Node, played: Children) -> None:
    played.go.clear()
    node.follow(node.now)
    await eventually(lambda: len(played.orders) == 1)
    await node.calls.aclose()
    assert node.told("calls_total") == 0
