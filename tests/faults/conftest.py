# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated CXone and, for those who ask, a PostgreSQL for a file; each test has agents of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.postgres import Postgres


@pytest.fixture(scope="module")
def cxone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cxone]:
    """A simulated CXone with an empty ledger."""
    simulator = Cxone(tmp_path_factory.mktemp("cxone"))
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The URL of an empty database."""
    return postgres.new()
