# SPDX-License-Identifier: GPL-3.0-or-later
"""One queue of tests for all workers: what stays together, and what comes first."""

from __future__ import annotations

import re

from xdist.scheduler import LoadScopeScheduling

_LONGEST: tuple[str, ...] = ()
"""Files by how long they take, longest first, as measured; what is not named is short."""
_APART = re.compile(r"tests/(faults/|calls/test_drain\.py)")
"""Where each test starts an agent of its own, so that nothing is gained by keeping a file together."""


def rank(nodeid: str) -> int:
    """Where a test stands in the queue: a long file that begins last would keep everybody waiting."""
    file = nodeid.partition("::")[0]
    return _LONGEST.index(file) if file in _LONGEST else len(_LONGEST)


class Queue(LoadScopeScheduling):
    """Gives each worker a file at a time, so that its agent is started once; each flavour of pjsua2 apart."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        if _APART.match(file):
            return nodeid
        flavour = re.search(r"\[pjsua2-(\w+)", test)
        return f"{file} {flavour[1]}" if flavour else file
