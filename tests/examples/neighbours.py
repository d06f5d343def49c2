# SPDX-License-Identifier: GPL-3.0-or-later
"""What the examples work with: a simulated CXone, a real agent, and the examples run as readers run them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from agent.simulators.processes import Child
from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House
from tests.calls.harness.plan import API_KEY, Change, Plan
from tests.calls.harness.sipp import Sipp

EXAMPLES = Path(__file__).parents[2] / "examples"
HANDED_OFF = {"p1": "billing", "p2": "4101", "p3": "the caller asked for a person"}
"""What the example voice agents tell the script."""
KEEP = "9995550170"
"""The number of a project whose voice agent keeps the caller when the script can't be told."""
Run = Callable[..., Awaitable[Child]]


@contextmanager
def running_house(folders: pytest.TempPathFactory, change: Change | None = None) -> Iterator[House]:
    """An agent with a CXone of its own; both are held to a clean end."""
    Sipp.logs = folders.mktemp("sipp")
    with ExitStack() as stack:
        cxone = Cxone(folders.mktemp("cxone"))
        cxone.start()
        stack.callback(cxone.stop)
        plan = Plan(cxone.port)
        if change is not None:
            change(plan)
        house = House(plan, cxone, folders.mktemp("house"))
        house.start()
        stack.callback(house.close)
        yield house


@asynccontextmanager
async def programs(folder: Path) -> AsyncIterator[Run]:
    """Gives ``run(name, ready, *arguments)``: start an example and wait until it says the words `ready`.

    They find the API's key in their environment. On leaving each is told to end, and must do so with exit
    code 0 and nothing on standard error.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("HANDOFF_API_KEY", API_KEY)

        async def run(name: str, ready: str, *arguments: object) -> Child:
            log = folder / f"{Path(name).stem}.log"
            child = await Child.start(name, log, sys.executable, str(EXAMPLES / name), *map(str, arguments))
            stack.push_async_callback(ends_well, child)
            await child.said(lambda line: ready in line, 20)
            return child

        yield run


async def ends_well(child: Child) -> None:
    """Tell a program to end and hold it to it."""
    await child.end()
    said = child.log.read_text(errors="replace")
    assert await child.ended(1) == 0, f"{child.name}: {said}"
    assert not said, f"{child.name} said on standard error: {said}"
