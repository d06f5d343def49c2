# SPDX-License-Identifier: GPL-3.0-or-later
"""How the suite runs: side by side with ``-n auto``, real calls on each flavour of pjsua2 (docs/testing.md).

Without these options pytest runs what it is given one by one, on the pjsua2 that is installed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from agent.delivery import group_commit, postgres
from agent.delivery.schema.__main__ import take
from agent.telemetry import logs
from tests.harness.network import enter_own_network, may_have_own_network
from tests.harness.once_more import note
from tests.harness.queue import Queue, rank

_WORKERS_PER_CORE = 2  # real calls mostly wait: for audio, for timers, for processes that start
_WHY = "only root may give each worker a network of its own"

# How fast an example is tried is no property of what is tried, but of the machine and its other workers.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True, scope="session")
def _steps_are_taken_here() -> Iterator[None]:
    """A child for each of hundreds of empty storages would take minutes; real agents have theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (group_commit, postgres):
            patch.setattr(module, "upgrade", _take_here)
        yield


async def _take_here(storage: str) -> None:
    await asyncio.to_thread(take, storage)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """The log is the process': no test finds it as another one has set it."""
    with logs.kept():
        return (yield)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--flavour``."""
    parser.addoption(
        "--flavour",
        action="append",
        default=[],
        metavar="NAME",
        help="run tests/calls also on the pjsua2 in .venv/pjsua2-NAME; may be given again",
    )


def pytest_xdist_auto_num_workers() -> int:
    """How many workers ``-n auto`` means."""
    if may_have_own_network():
        return _WORKERS_PER_CORE * len(os.sched_getaffinity(0))
    sys.stderr.write(f"The tests run one by one: {_WHY}.\n")
    return 0


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give a worker its network before anything is bound.

    Raises:
        pytest.UsageError: ``-n 3`` was asked for by a user who may not.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what runs in the background so, and children of tests would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        enter_own_network()
    elif config.getoption("numprocesses", None) and not may_have_own_network():
        raise pytest.UsageError(f"leave -n away: {_WHY}")
    config.option.loadscopereorder = False  # the order is ours


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Queue:
    """One queue for all workers."""
    return Queue(config, log)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run real calls once on each flavour of pjsua2."""
    flavours = metafunc.config.getoption("flavour")
    if flavours and "flavour" in metafunc.fixturenames:
        plain = pytest.param("", id=pytest.HIDDEN_PARAM)
        more = [pytest.param(name, id=f"pjsua2-{name}") for name in flavours]
        metafunc.parametrize("flavour", [plain, *more], indirect=True, scope="module")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first."""
    items.sort(key=lambda item: rank(item.nodeid))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep how it ended: `tests.harness.once_more`."""
    note(session.config, exitstatus)
