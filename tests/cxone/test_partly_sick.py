# SPDX-License-Identifier: GPL-3.0-or-later
"""A NICE that fails in part still gets nearly all signals, and a dead one is spared: simulated.

Real are the machine of each signal, the breaker, the budget and the pauses; the clock and NICE are played.
"""

from __future__ import annotations

import heapq
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest

from agent.core import delivery_events as on
from agent.core.delivery import Delivery
from agent.core.moments import Moment
from agent.core.outcomes import Answer, Outcome
from agent.core.records import Signal
from agent.core.retries import CAUTIOUS
from agent.cxone.access import Health

TTL, LATENCY = 120.0, 0.05
ACCEPTED = Answer(Outcome.ACCEPTED, 202, "")
BUSY = Answer(Outcome.UNAVAILABLE, 503, "")


@dataclass
class World:
    """NICE, the agent's gate before it, and time.

    Attributes:
        fails: the share of the requests that fail at a time.
        requests: when each left.
        ends: in what states signals ended.
        writes: how often a signal was written.
    """

    fails: Callable[[float], float]
    seed: int = 0
    retry_after: float | None = None
    requests: list[float] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    asks: int = 0

    def run(self, rate: float, seconds: float) -> None:
        """Offer signals at a rate for so long, and let all of them end."""
        self._chance = random.Random(self.seed)  # noqa: S311 - no secret
        self._health, self._order = Health(), count()
        self._queue: list[tuple[float, int, Delivery, on.Action | None, Answer | None]] = []
        for number in range(int(rate * seconds)):
            at = number / rate
            call = f"c-{number}"
            signal = Signal(f"s-{number}", call, "acme", "care", "1", Moment.ARRIVAL, {}, at, at + TTL)
            self._later(at, Delivery(signal), on.Queue())
        while self._queue:
            now, _, delivery, action, answer = heapq.heappop(self._queue)
            self._step(now, delivery, action, answer)

    def rate(self, begin: float, end: float) -> float:
        """Requests a second in a time."""
        first, last = (bisect_left(self.requests, at) for at in (begin, end))
        return (last - first) / (end - begin)

    def _later(
        self, at: float, delivery: Delivery, action: on.Action | None, answer: Answer | None = None
    ) -> None:
        heapq.heappush(self._queue, (at, next(self._order), delivery, action, answer))

    def _step(self, now: float, delivery: Delivery, action: on.Action | None, answer: Answer | None) -> None:
        while True:
            match action:
                case on.Queue():
                    action = delivery.handle(on.Turn(now))
                case on.Rest(until) if until > now:
                    self._later(until, delivery, action)
                    return
                case on.Rest():
                    action = delivery.handle(on.Rested(now))
                case on.Ask():
                    self.asks += 1
                    held = self._health.admit(now, again=bool(delivery.signal.attempts))
                    action = delivery.handle(on.Ready(now) if held is None else self._answered(held, now))
                case on.Write():
                    self.writes += 1
                    action = delivery.handle(on.Written(now))
                case on.Send() if answer is None:
                    self.requests.append(now)
                    fails = self._chance.random() < self.fails(now)
                    busy = Answer(BUSY.outcome, 503, "", self.retry_after)
                    self._later(now + LATENCY, delivery, action, busy if fails else ACCEPTED)
                    return
                case on.Send():
                    assert answer is not None
                    self._health.record(now, answer.outcome)
                    action, answer = delivery.handle(self._answered(answer, now)), None
                case on.Settle(state):
                    self.ends[state.value] += 1
                    return
                case _:
                    raise AssertionError(action)

    def _answered(self, answer: Answer, now: float) -> on.Answered:
        return on.Answered(answer, now, CAUTIOUS, self._chance.random())


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("rate", "seconds"), [(1, 1200), (10, 300), (100, 60)])
def test_with_half_of_the_requests_failing_nearly_all_signals_get_through(
    rate: float, seconds: float, seed: int
) -> None:
    world = World(lambda _: 0.5, seed)
    world.run(rate, seconds)
    assert world.ends["accepted"] >= 0.99 * rate * seconds
    offered = sum(at <= seconds for at in world.requests)
    assert offered <= rate * seconds + max(rate, 2) * seconds  # two a second are free: small tenants


@pytest.mark.parametrize("fails", [0.5, 0.6, 0.8, 0.95, 1.0])
def test_nice_never_gets_more_than_twice_what_is_offered(fails: float) -> None:
    world = World(lambda _: fails)
    world.run(20, 60)
    for second in range(1, 60):
        assert world.rate(0, second) <= 2 * 20
        assert world.rate(second, second + 10) <= 2 * 20 + 100 / 10  # and what was saved up
    assert world.ends["accepted"] >= min(1.9 * (1 - fails), 0.99) * 20 * 60 * (fails < 0.9)


def test_an_answer_that_asks_for_a_pause_gets_it_and_still_nearly_all_get_through() -> None:
    world = World(lambda _: 0.5, retry_after=5.0)
    world.run(20, 300)
    assert world.ends["accepted"] >= 0.99 * 20 * 300


def test_a_dead_nice_is_spared_and_what_waited_leaves_when_it_is_back() -> None:
    world = World(lambda now: float(now < 60))
    world.run(50, 120)
    assert len([at for at in world.requests if at < 60]) <= 130
    assert len([at for at in world.requests if 3 <= at < 60]) <= 8  # probes
    assert world.ends["accepted"] >= 0.99 * 50 * 120
    late = [at for at in world.requests if at > 120]
    assert not late or max(late) < 122
    assert max(world.rate(60, now) for now in range(62, 120)) <= 1000


def test_one_that_waits_long_is_written_once_and_asks_now_and_then() -> None:
    world = World(lambda _: 1.0)
    world.run(50, 60)
    assert world.ends == {"expired": 3000}
    assert world.writes <= 3 * 3000  # `recorded` with the first try, one line of being held
    assert world.asks <= 3000 * TTL / 3


def test_the_few_signals_of_a_small_tenant_are_repeated_too() -> None:
    world = World(lambda now: float(now < 40))
    world.run(0.2, 60)
    assert world.ends == {"accepted": 12}
