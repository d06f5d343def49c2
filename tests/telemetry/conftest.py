# SPDX-License-Identifier: GPL-3.0-or-later
"""What several of these tests need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.telemetry import logs


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """Afterwards logging is as it was: it is the process's."""
    with logs.kept():
        yield
