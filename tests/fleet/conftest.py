# SPDX-License-Identifier: GPL-3.0-or-later
"""As the tests of faults: a simulated CXone and a PostgreSQL; each test has agents of its own."""

from tests.faults.conftest import cxone, database, postgres

__all__ = ["cxone", "database", "postgres"]
