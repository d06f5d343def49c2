# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads signals for a command, as `agent.delivery.listing` objects.

From the storage, beside the agent that may run on it; where this user may not read that, from the agent. That
one tells no values: its operations listener has no log-in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agent.cli.operations import NotRunningError, Operations
from agent.cli.storage import opened
from agent.cli.where import Where
from agent.cli.wording import printable
from agent.core.errors import AgentError, StorageError
from agent.delivery.queries import SignalQuery

if TYPE_CHECKING:
    from agent.core.records import Signal
    from agent.delivery.store import Store


def find(where: Where, wanted: SignalQuery) -> list[dict[str, Any]]:
    """Signals, newest first.

    Raises:
        AgentError: neither can be asked.
    """
    from agent.delivery.listing import listing  # noqa: PLC0415 - other commands need no delivery

    async def read(store: Store) -> Sequence[Signal]:
        return await store.signals(wanted)

    try:
        return [listing(signal) for signal in asyncio.run(with_store(where, read))]
    except StorageError as error:
        names = {"contact_id": "contact", "call_id": "call"}
        query = {names.get(name, name): value for name, value in asdict(wanted).items() if value}
        query.setdefault("channel", "all")
        try:
            found: list[dict[str, Any]] = Operations.of(where).get("signals", **query)["signals"]
        except NotRunningError:
            raise error from None
        return found


def one(where: Where, signal_id: str, *, values: bool) -> dict[str, Any]:
    """One signal, with the values of its parameters if wanted.

    Raises:
        AgentError: there is none, or neither agent nor storage can be read.
    """
    from agent.delivery.listing import listing  # noqa: PLC0415 - other commands need no delivery

    async def read(store: Store) -> Signal | None:
        return await store.signal(signal_id)

    try:
        signal = asyncio.run(with_store(where, read))
    except StorageError as error:
        if values:  # the listener tells no values: it has no log-in
            raise
        try:
            return Operations.of(where).get("signals", signal_id)
        except NotRunningError:
            raise error from None
    if signal is None:
        raise AgentError(f"unknown signal {printable(signal_id)}")
    return listing(signal, values=values)


async def with_store(where: Where, work: Callable[[Store], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401
    """What ``work`` makes of the opened storage."""
    async with opened(where) as store:
        return await work(store)
