# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure logic of the agent: no I/O, no clock; all of it testable as it stands."""
