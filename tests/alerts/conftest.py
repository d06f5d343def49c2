# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated CXone that the agents of these tests signal to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.calls.harness.cxone import Cxone


@pytest.fixture(scope="module")
def cxone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cxone]:
    """A simulated CXone with an empty ledger."""
    simulator = Cxone(tmp_path_factory.mktemp("cxone"))
    simulator.start()
    yield simulator
    simulator.stop()
