# SPDX-License-Identifier: GPL-3.0-or-later
"""A caller who goes back by REFER: the contact centre says what becomes of the transfer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.calls.harness.asking import hand_off
from tests.calls.harness.house import House
from tests.calls.harness.sipp import Sipp
from tests.calls.harness.talk import Talk, talking

TRYING, OK = "SIP/2.0 100 Trying", "SIP/2.0 200 OK"
ACTIVE, DONE = "active;expires=60", "terminated;reason=noresource"
"""A Subscription-State: more NOTIFYs follow, or none does."""


@asynccontextmanager
async def referred(house: House, number: str) -> AsyncIterator[Talk]:
    """A call that was handed off; its REFER waits for an answer."""
    async with talking(house, caller="is_referred", bot="answers", number=number) as talk:
        await hand_off(talk)
        await talk.caller.saw("REFER")
        yield talk


def tell(caller: Sipp, said: str, state: str = DONE, event: str = "refer") -> None:
    """Send a NOTIFY with this status line; without one, a NOTIFY without a body."""
    caller.cue("TELL" if said else "END-TELLING", said, state=state, event=event)


async def is_taken(talk: Talk) -> None:
    """The caller takes the REFER, has got where it was sent, and hears our BYE."""
    talk.caller.cue("ACCEPT")
    tell(talk.caller, OK)
    await talk.caller.saw("BYE")
    await talk.caller.succeeds()
