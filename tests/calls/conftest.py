# SPDX-License-Identifier: GPL-3.0-or-later
"""One simulated CXone for the whole run; one agent per module, with what the module changes of its plan."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House
from tests.calls.harness.plan import Change, Plan
from tests.calls.harness.sipp import Sipp

_AHEAD = -10  # as nice(1) counts


@pytest.fixture(scope="session", autouse=True)
def _tools(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A missing tool is a failure of the set-up, not a reason to pass these tests over."""
    Sipp.logs = tmp_path_factory.mktemp("sipp")
    assert shutil.which("sipp"), "sipp is not installed: Debian's package is sip-tester"


@pytest.fixture(scope="module", autouse=True)
def flavour(request: pytest.FixtureRequest) -> Iterator[None]:
    """The pjsua2 that the module's agents run on: the installed one, or one that ``--flavour`` names."""
    with pytest.MonkeyPatch.context() as patch:
        if name := getattr(request, "param", ""):
            folder = Path(sys.prefix) / f"pjsua2-{name}"
            assert folder.is_dir(), f"{folder} is not there: deploy/setup --tests brings it"
            patch.setenv("HANDOFF_PJSUA2", str(folder))
        yield


@pytest.fixture(scope="module")
def ahead() -> Iterator[None]:
    """This process and what it starts come before the other work of their session, where root asks for it.

    For a module that measures audio: what it measures is the agent, and not the tests beside it.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _AHEAD)
    yield
    os.setpriority(os.PRIO_PROCESS, 0, before)


@pytest.fixture(scope="session")
def cxone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cxone]:
    """The simulated CXone."""
    simulator = Cxone(tmp_path_factory.mktemp("cxone"))
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture(scope="module")
def change() -> Change | None:
    """What a module changes of the plan; override it there."""
    return None


@pytest.fixture(scope="module")
def module_house(
    cxone: Cxone, change: Change | None, flavour: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """The module's agent, ready, and held to a clean end."""
    _ = flavour
    plan = Plan(cxone.port)
    if change is not None:
        change(plan)
    house = House(plan, cxone, tmp_path_factory.mktemp("house"))
    house.start()
    yield house
    house.close()


@pytest.fixture
def house(module_house: House, request: pytest.FixtureRequest) -> Iterator[House]:
    """The module's agent for one test, with CXone healthy before and after.

    What a failed test leaves up is ended, so that it does not fail the next one; what a passed one leaves
    fails the module.
    """
    module_house.cxone.heal()
    yield module_house
    module_house.cxone.heal()
    assert module_house.agent.running, f"the agent died:\n{module_house.agent.tail()}"
    if request.node.stash.get(_failed, False):
        module_house.sweep()


_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether a test failed, for its fixtures."""
    _ = call
    report = yield
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report
