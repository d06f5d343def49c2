# SPDX-License-Identifier: GPL-3.0-or-later
"""The bell: whom a ring wakes, and that none is lost."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from agent.http.bell import Bell

LONG = 60.0


async def test_a_ring_without_an_id_wakes_everybody() -> None:
    bell = Bell()
    waiting = [asyncio.create_task(bell.wait(LONG, about)) for about in ({"call-0"}, {"call-1"}, {"call-2"})]
    await asyncio.sleep(0)
    bell.ring()
    await asyncio.gather(*waiting)


async def test_a_ring_with_ids_wakes_those_who_wait_for_one_of_them_or_for_anything() -> None:
    bell = Bell()
    ids = ({"call-1", "shared"}, {"call-2"}, frozenset[str]())
    with ExitStack() as listeners:
        heard = [listeners.enter_context(bell.listening(about)) for about in ids]
        bell.ring("4711", "shared")
        assert [one.is_set() for one in heard] == [True, False, True]


async def test_an_id_that_is_learnt_later_counts() -> None:
    bell = Bell()
    about = {"handoff-1"}
    with bell.listening(about) as heard:
        about.add("call-1")
        bell.ring("call-1")
        assert heard.is_set()


async def test_a_ring_during_the_look_is_not_lost() -> None:
    bell = Bell()
    with bell.listening() as heard:
        heard.clear()
        bell.ring()  # while the listener looks
        assert heard.is_set()


async def test_the_end_of_the_time_is_no_error_and_nobody_is_left_listening() -> None:
    bell = Bell()
    await bell.wait(0.001)
    assert not bell._listening
