# SPDX-License-Identifier: GPL-3.0-or-later
"""What a live call may ask of the rest of the agent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from agent.calls.contained import Contained
from agent.calls.saves import Saves
from agent.calls.timers import Timers
from agent.delivery.courier import Courier
from agent.delivery.store import Store
from agent.sip.resolver import Resolver
from agent.sip.stack import Stack
from agent.telemetry.metrics import Metrics
from agent.telemetry.stories import Stories


@dataclass(frozen=True)
class Services:
    """The parts of the agent that calls share.

    Attributes:
        run: start a coroutine and keep it until it is done.
        saves: what calls owe to the storage.
        ring: wake those who wait for news of a call, a contact or a shared id.
        timers: run out all that calls wait for in time.
        targets_down: URIs of the voice agents that do not answer their probes.
        contained: takes what went wrong where it must end nothing else.
    """

    stack: Stack
    store: Store
    courier: Courier
    metrics: Metrics
    stories: Stories
    resolver: Resolver
    run: Callable[[Coroutine[Any, Any, None]], None]
    saves: Saves
    ring: Callable[..., None]
    timers: Timers
    targets_down: Callable[[], frozenset[str]]
    contained: Contained
