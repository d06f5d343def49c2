# SPDX-License-Identifier: GPL-3.0-or-later
"""One queue of tests for all workers: what stays together, and what comes first."""

from __future__ import annotations

import re

from xdist.scheduler import LoadScopeScheduling

_APART = re.compile(
    r"tests/(calls/test_(drain|death_on_the_way_back|start)|cli/test_(demo|load)"
    r"|faults/test_(kill|record_files|restarts|storage|token_rejected)|alerts/test_live)\.py"
)
"""Files whose tests start all that they need themselves: nothing is gained by keeping them together."""
_TOGETHER = "tests/delivery/"
"""A folder whose files share a server that takes seconds to make: PostgreSQL."""
_LONGEST = (
    "tests/faults/test_two_agents.py",
    "tests/faults/test_kill.py",
    "tests/cli/test_load.py",
    "tests/faults/test_record_files.py",
    "tests/delivery/",
    "tests/faults/test_simulator_faults.py",
    "tests/core/test_call_orders.py",
    "tests/core/test_delivery_machine.py",
    "tests/faults/test_outage.py",
    "tests/calls/test_lost_legs.py",
    "tests/calls/test_misbehaving_peers.py",
    "tests/alerts/test_live.py",
    "tests/cli/test_demo.py",
    "tests/calls/test_no_gap.py",
    "tests/calls/test_signal_failure.py",
    "tests/calls/test_finish_prompt.py",
    "tests/calls/test_misbehaving_handoffs.py",
    "tests/calls/test_ways.py",
    "tests/calls/test_cxone_faults.py",
    "tests/calls/test_handoff.py",
    "tests/calls/test_dialling.py",
    "tests/examples/test_voice_agents.py",
    "tests/browser/test_screen_pop.py",
    "tests/faults/test_token_rejected.py",
    "tests/faults/",
    "tests/calls/test_webhooks.py",
    "tests/calls/",
)
"""Where tests take long, the longest first, as measured; the rest is short."""


def rank(nodeid: str) -> int:
    """Where a test stands in the queue: a long file that begins last would keep everybody waiting."""
    return next((place for place, start in enumerate(_LONGEST) if nodeid.startswith(start)), len(_LONGEST))


class Queue(LoadScopeScheduling):
    """Gives each worker a file at a time, so that its agent is started once; each flavour of pjsua2 apart."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        if _APART.match(file):
            return nodeid
        flavour = re.search(r"\[pjsua2-(\w+)", test)
        return f"{file} {flavour[1]}" if flavour else _TOGETHER if file.startswith(_TOGETHER) else file
