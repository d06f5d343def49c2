# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to look-ups of one kind: asked for once, kept by their TTL, and kept on when nobody answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from agent.core.errors import NamesError, NoSuchNameError
from agent.names.found import Found

LONGEST_LOOK_UP: Final = 3.0
"""Seconds until who asks has an answer or an error."""
_LEAST, _MOST = 1.0, 3600.0  # a TTL of 0 would ask again for each of a burst of calls
_ABSENT_SECONDS: Final = 5.0  # RFC 2308 section 5; the SOA's own figure is often an hour, too long for calls
_FAILED_SECONDS: Final = 2.0  # RFC 2308 section 7
_RECHECK_SECONDS: Final = 30.0  # RFC 8767 section 5: an old answer is used so long before anybody asks anew
_PATIENCE_SECONDS: Final = 0.5  # the same, its client response timer: who has an old answer waits no longer
_REMEMBERED: Final = 4096  # names; peers can name some too (Contact)

Value = TypeVar("Value")


class LookUp(StrEnum):
    """What became of a look-up."""

    FOUND = "found"
    ABSENT = "absent"
    FAILED = "failed"
    STALE = "stale"  # nobody answered, an old answer is used


@dataclass(slots=True)
class _Kept(Generic[Value]):
    values: tuple[Value, ...] = ()
    failure: NamesError | None = None
    until: float = -1.0
    flight: asyncio.Task[None] | None = None


class Answers(Generic[Value]):
    """The answers of one kind, by name.

    Args:
        fetch: looks a name up; raises `NamesError`.
        clock: seconds on a clock that does not go back.
        told: called with what became of each look-up.
    """

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[Found[Value]]],
        clock: Callable[[], float],
        told: Callable[[LookUp], None],
    ) -> None:
        self._fetch, self._clock, self._told = fetch, clock, told
        self._kept: dict[str, _Kept[Value]] = {}

    async def get(self, name: str) -> tuple[Value, ...]:
        """What the name stands for: at once where that is known, else after one look-up for all who wait.

        Raises:
            NamesError: it can't be looked up, and there is no old answer.
            NoSuchNameError: there is no such name.
        """
        kept = self._of(name)
        if self._clock() < kept.until:
            return _given(kept)
        flight = kept.flight or self._begin(name, kept)
        if not kept.values:
            await asyncio.wait((flight,))
            return _given(kept)
        old = kept.values
        await asyncio.wait((flight,), timeout=_PATIENCE_SECONDS)
        return _given(kept) if flight.done() else old

    def flights(self) -> list[asyncio.Task[None]]:
        """Look-ups that are under way."""
        return [kept.flight for kept in self._kept.values() if kept.flight is not None]

    def _of(self, name: str) -> _Kept[Value]:
        kept = self._kept.pop(name, None) or _Kept()
        self._kept[name] = kept  # the last one now
        if len(self._kept) > _REMEMBERED:
            del self._kept[next(iter(self._kept))]
        return kept

    def _begin(self, name: str, kept: _Kept[Value]) -> asyncio.Task[None]:
        flight = kept.flight = asyncio.get_running_loop().create_task(self._look_up(name, kept))
        return flight

    async def _look_up(self, name: str, kept: _Kept[Value]) -> None:
        try:
            async with asyncio.timeout(LONGEST_LOOK_UP):
                found = await self._fetch(name)
        except NoSuchNameError as error:
            self._settle(kept, LookUp.ABSENT, _ABSENT_SECONDS, failure=error)
        except NamesError as error:
            self._failed(kept, error)
        except TimeoutError:
            self._failed(kept, NamesError(f"{name} can't be looked up: no name server answers"))
        except asyncio.CancelledError:
            self._settle(kept, LookUp.FAILED, 0.0, failure=NamesError(f"{name}: the look-up was ended"))
            raise
        else:
            self._settle(kept, LookUp.FOUND, min(max(found.ttl, _LEAST), _MOST), values=found.values)
        finally:
            kept.flight = None

    def _failed(self, kept: _Kept[Value], error: NamesError) -> None:
        if kept.values:
            self._settle(kept, LookUp.STALE, _RECHECK_SECONDS, values=kept.values)
        else:
            self._settle(kept, LookUp.FAILED, _FAILED_SECONDS, failure=error)

    def _settle(
        self,
        kept: _Kept[Value],
        result: LookUp,
        seconds: float,
        *,
        values: tuple[Value, ...] = (),
        failure: NamesError | None = None,
    ) -> None:
        kept.values, kept.failure, kept.until = values, failure, self._clock() + seconds
        self._told(result)


def _given(kept: _Kept[Value]) -> tuple[Value, ...]:
    if kept.failure is not None:
        raise type(kept.failure)(str(kept.failure))  # one each: a shared one would gather tracebacks
    return kept.values
