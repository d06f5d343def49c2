# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard in C: whom it lets in and how many, and what it refused; see ``deploy/pjsua2/guard.c``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pjsua2

from agent.core.errors import SipError
from agent.core.model import Snapshot
from agent.core.reasons import Reason
from agent.sip import trace

_REASONS_OF_GUARD = {
    "unknown_source": Reason.UNKNOWN_SOURCE,
    "draining": Reason.DRAINING,
    "over_limit": Reason.OVER_LIMIT,
    "not_ready": Reason.NOT_READY,
    "too_many_hops": Reason.TOO_MANY_HOPS,
    "too_large": Reason.MALFORMED,
    "malformed": Reason.MALFORMED,
}


names_of_ours = 0
"""Look-ups refused before a peer could name anything: pjsip begins with the name of this machine."""


@dataclass(frozen=True)
class Doors:
    """Who may come in, by the configuration.

    Attributes:
        sources: who may send calls: carriers and our own proxies; CIDRs, white space between them.
        reject_unknown: whether others are told so, or hear nothing.
        peers: who may speak inside a call though nobody called them there: CIDRs as well.
        calls_per_second: how many new INVITEs are admitted, with a burst of as many; None where that is
            not limited.
    """

    sources: str
    reject_unknown: bool
    peers: str = ""
    calls_per_second: int | None = None

    @classmethod
    def of(cls, snapshot: Snapshot) -> Doors:
        """Of a node with this configuration."""
        return cls(
            _cidrs(
                (
                    snapshot.agent.sip.trusted_proxies,
                    *(carrier.sources for carrier in snapshot.carriers.values()),
                )
            ),
            snapshot.unknown_source == "reject",
            _cidrs(project.voice_agent.sources for project in snapshot.projects.values()),
            snapshot.agent.limits.calls_per_second,
        )


def _cidrs(networks: Iterable[Iterable[object]]) -> str:
    return " ".join(str(network) for some in networks for network in some)


def install(doors: Doors) -> None:
    """Put the guard and the trace in front of the transaction layer; no call is admitted yet.

    Raises:
        SipError: this pjsua2 has no guard, or it does not take the doors.
    """
    if pjsua2.handoff_guard_install() != 0 or not trace.install():
        raise SipError("the guard can't be installed in this pjsua2")
    pjsua2.handoff_requests_install()
    if pjsua2.handoff_resolve_install() != 0:
        raise SipError(
            "pjsip can't be kept from looking names up: use the wheel that deploy/pjsua2/build makes"
        )
    pjsua2.handoff_guard_set_cause(2)
    pjsua2.handoff_guard_set_state(0, 5)
    use(doors)


def use(doors: Doors) -> None:
    """Let in by these doors from now on; each table is replaced as a whole.

    Raises:
        SipError: the guard does not take a table; the old one stays in force.
    """
    if pjsua2.handoff_guard_set_sources(doors.sources) < 0:
        raise SipError("the guard does not take the carriers' sources; the old ones stay in force")
    pjsua2.handoff_guard_set_unknown_source(int(doors.reject_unknown))
    if pjsua2.handoff_guard_set_peers(doors.peers) < 0:
        raise SipError("the guard does not take the voice agents' sources; the old ones stay in force")
    if doors.calls_per_second is not None:
        pjsua2.handoff_guard_set_rate(doors.calls_per_second, doors.calls_per_second)


def invites_refused() -> dict[str, int]:
    """INVITEs that the guard refused since the start, by the value of their reason.

    What it could not even read counts whatever its method was.
    """
    refused: dict[str, int] = {}
    which = 0
    while name := pjsua2.handoff_guard_counter_name(which):
        reason = _REASONS_OF_GUARD.get(name)
        if reason is not None:
            unread = reason is Reason.MALFORMED
            count = pjsua2.handoff_guard_counter(which) if unread else pjsua2.handoff_guard_invites(which)
            refused[reason.value] = refused.get(reason.value, 0) + int(count)
        which += 1
    return refused


def names_refused() -> int:
    """Names of peers that pjsip or pjmedia wanted looked up. None is: it would hold up every call."""
    return int(pjsua2.handoff_names_refused()) - names_of_ours
