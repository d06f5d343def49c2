# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that come while an agent starts: none of them ends it by its default action."""

from __future__ import annotations

import signal

_HELD = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
_IGNORED = (signal.SIGUSR1, signal.SIGUSR2)


def hold_signals() -> None:
    """Hold SIGHUP, SIGTERM and SIGINT until the process takes them (`agent.process.Asked.capture_signals`).

    SIGUSR1 and SIGUSR2, which ask nothing of an agent, are ignored for good.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
