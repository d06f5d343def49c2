# SPDX-License-Identifier: GPL-3.0-or-later
"""Refused INVITEs are kept within bounds, and a challenge only until it is answered."""

from __future__ import annotations

from agent.core.reasons import Reason
from agent.core.refusals import Refusals, RefusedInvite


def refused(name: str, reason: Reason = Reason.UNKNOWN_NUMBER, code: int = 404) -> RefusedInvite:
    return RefusedInvite(1.0, f"c-{name}", f"sip-{name}", "192.0.2.7", "1", "", code, reason.value, "why")


def names(ring: Refusals) -> list[str]:
    return [one.call_id for one in ring.newest()]


def test_the_newest_come_first_and_the_oldest_give_way() -> None:
    ring = Refusals(at_most=2)
    for name in "abc":
        ring.add(refused(name))
    assert names(ring) == ["c-c", "c-b"]


def test_a_challenge_is_kept_until_the_caller_comes_again() -> None:
    ring = Refusals()
    ring.add(refused("a", Reason.UNAUTHORIZED, 401))
    assert names(ring) == ["c-a"]
    ring.went_on("sip-a")
    assert names(ring) == []


def test_a_refusal_that_is_no_challenge_stays_when_the_caller_tries_again() -> None:
    ring = Refusals()
    ring.add(refused("a", Reason.UNAUTHORIZED, 403))
    ring.went_on("sip-a")
    assert names(ring) == ["c-a"]


def test_nothing_is_remembered_of_a_challenge_that_gave_way() -> None:
    ring = Refusals(at_most=1)
    for name in ("a", "b", "c"):
        ring.add(refused(name, Reason.UNAUTHORIZED, 401))
    assert names(ring) == ["c-c"]
    assert list(ring._challenged) == ["sip-c"]


def test_what_a_peer_wrote_is_cut_and_a_challenge_with_it_found_all_the_same() -> None:
    ring = Refusals()
    ring.add(refused("a" * 9000, Reason.UNAUTHORIZED, 401))
    assert len(ring.newest()[0].sip_call_id) == 256
    ring.went_on(f"sip-{'a' * 9000}")
    assert names(ring) == []
