# SPDX-License-Identifier: GPL-3.0-or-later
"""The same load in turn through the agent and through others of its kind, as far as this machine has them."""

from tests.benchmarks.peers.turn import peers

__all__ = ["peers"]
