# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated CXone of the tests of faults: each test has agents of its own."""

from tests.faults.conftest import cxone

__all__ = ["cxone"]
