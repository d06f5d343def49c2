# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault of the simulated CXone: what state it leaves a signal in, and how often NICE was asked.

All faults of the Signal API are in force at once, each for contacts and a tenant of its own, so the whole
table takes as long as its slowest row. Faults of log-in and discovery hit everybody and come one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import new_contact
from tests.calls.harness.plan import Plan
from tests.calls.harness.web import ask
from tests.faults.harness.audit import Row, ledger
from tests.faults.harness.crowd import CrowdCall, Way
from tests.faults.harness.site import Site, site, with_ttl

pytestmark = [pytest.mark.calls, pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Expected:
    """What becomes of a signal that meets a fault.

    Attributes:
        fault: as the simulator takes it.
        state: in which the signal ends.
        requests: how many of them NICE sees at the least and at the most.
        taken: how many of them take effect.
        always: the fault hits every request; False: it passes by itself.
        project: what is special about the project.
    """

    fault: dict[str, Any]
    state: str
    requests: tuple[int, int] = (1, 1)
    taken: int = 0
    always: bool = True
    project: tuple[tuple[str, object], ...] = ()


def _final(status: int) -> Expected:
    return Expected({"status": status}, "refused")


def _in_doubt(taken: int = 0, **fault: object) -> Expected:
    return Expected(dict(fault), "unknown", taken=taken)


def _passing(**fault: object) -> Expected:
    return Expected({"times": 1, **fault}, "accepted", (2, 2), taken=1, always=False)


FAULTS = {
    # a time-out or reset after bytes have left: never repeated
    "silent before it took the signal": _in_doubt(mode="timeout_before_accept", seconds=8),
    "silent after it took the signal": _in_doubt(1, mode="timeout_after_accept", seconds=8),
    "resetting before it took the signal": _in_doubt(mode="reset_before"),
    "resetting after it took the signal": _in_doubt(1, mode="reset_after"),
    # it may have taken effect though the answer says otherwise
    "failing inside": _in_doubt(status=500),
    "failing inside after it took the signal": _in_doubt(1, status=500, accept=True),
    "behind a bad gateway": _in_doubt(status=502),
    "behind a slow gateway": _in_doubt(status=504),
    "answering with a page": _in_doubt(mode="html_200"),
    "sending us elsewhere": _in_doubt(status=302),
    "repeating what is in doubt by order": Expected(
        {"mode": "timeout_after_accept", "seconds": 8, "times": 1},
        "accepted",
        (2, 2),
        taken=2,
        always=False,
        project=(("repeat_unknown", True),),
    ),
    # final
    "without that contact": _final(404),
    "finding fault with the request": _final(400),
    "forbidding": _final(403),
    "refusing the method": _final(405),
    "finding the address too long": _final(414),
    # surely without effect: repeated until the signal is of no use any more
    "down for ever": Expected({"status": 503}, "expired", (2, 60)),
    "down once": _passing(status=503),
    "down once, asking for a second": _passing(status=503, retry_after=1),
    "throttling once": _passing(status=429, retry_after=1),
    "throttling once until a date": _passing(status=429, retry_after=1, retry_after_form="date"),
    "asking for more patience than the signal has": Expected({"status": 503, "retry_after": 60}, "expired"),
    "tired of the token once": _passing(status=401),
    # (not sent at all when another contact has found the credential out before)
    "tired of every token": Expected({"status": 401}, "expired", (0, 2)),
    # merely slow
    "slow": Expected({"mode": "slow", "seconds": 0.3}, "accepted", taken=1),
}
WAYS = {"after a good arrival": Way.COMPLETED, "from the first request on": Way.HANDOFF}


def _numbered(name: str) -> tuple[str, str]:
    """Number and project of a fault."""
    index = list(FAULTS).index(name)
    return f"99955503{index:02d}", f"acme-fault-{index}"


def _plan(plan: Plan, cxone: Cxone) -> None:
    care = plan.projects["acme-care"]
    for index, (name, expected) in enumerate(FAULTS.items()):
        tenant = cxone.tenant(100 + index)
        known = {key: tenant[key] for key in ("business_unit", "client_id", "access_key_id")}
        number, project = _numbered(name)
        plan.projects[project] = {
            **care,
            "project": project,
            "signal_ttl": "20s",
            "cxone": {**care["cxone"], **known, "timeout": "4s"},
            **dict(expected.project),
        }
        plan.numbers[number] = project


@dataclass(frozen=True)
class Storm:
    """How the calls of all faults went."""

    calls: dict[tuple[str, str], CrowdCall]
    rows: dict[str, Row]
    signals: dict[tuple[str, str], Row]
    requests: list[Row]
    mistakes: list[str]

    def seen(self, contact_id: str, *, arrival: bool) -> list[Row]:
        """The requests for a contact's arrival or for its terminal moment."""
        found = [entry for entry in self.requests if entry["contact_id"] == contact_id]
        return [entry for entry in found if (entry["parameters"].get("p1") == "Connected") is arrival]


def _tenant_of(name: str, cxone: Cxone) -> str:
    return cxone.tenant(100 + list(FAULTS).index(name))["tenant_id"]


async def _all_log_in(at: Site, cxone: Cxone) -> None:
    """Let calls of each project be signalled until one is: its log-in and its endpoint are known then."""
    waiting = list(FAULTS)
    while waiting:
        contacts = {}
        for name in waiting:
            contact, (number, project) = new_contact(), _numbered(name)
            cxone.place(contact, _tenant_of(name, cxone))
            at.crowd.call(contact, Way.COMPLETED, number=number, project=project)
            contacts[contact] = name
            await asyncio.sleep(0.01)  # traffic, not a wait
        await at.went_their_way()
        await at.settled()
        taken = {entry["contact_id"] for entry in ledger(cxone) if entry["accepted"]}
        waiting = [name for contact, name in contacts.items() if contact not in taken]


async def _storm(cxone: Cxone, folder: Path) -> Storm:
    async with site(cxone, folder, lambda plan: _plan(plan, cxone), calls=120) as at:
        await at.start()
        await _all_log_in(at, cxone)
        calls, faults = {}, []
        for name, expected in FAULTS.items():
            number, project = _numbered(name)
            tenant = _tenant_of(name, cxone)
            for when, way in WAYS.items():
                if when == "from the first request on" and not expected.always:
                    continue
                contact = new_contact()
                cxone.place(contact, tenant)
                after = 1 if way is Way.COMPLETED else 0
                faults.append({"contact_id": contact, "after": after, **expected.fault})
                calls[name, when] = (contact, way, number, project)
        cxone.fault(signal=faults)
        made = {}
        for key, (contact, way, number, project) in calls.items():
            made[key] = at.crowd.call(contact, way, talk=0.5, number=number, project=project)
            await asyncio.sleep(0.01)  # traffic, not a wait
        await at.went_their_way()
        books = await at.settled()
        storm = Storm(
            made,
            {row["contact_id"]: row for row in books.calls},
            {
                (row["contact_id"], "arrival" if row["moment"] == "arrival" else "terminal"): row
                for row in books.signals
            },
            ledger(cxone),
            at.mistakes(),
        )
        await at.stop()
        return storm


@pytest.fixture(scope="module")
def storm(cxone: Cxone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storm]:
    """The calls of all faults, made once."""
    yield asyncio.run(_storm(cxone, tmp_path_factory.mktemp("storm")))
    ask(cxone.port, "POST", "/simulator/reset")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_terminal_signal_ends_as_it_must_when_cxone_is(storm: Storm, fault: str) -> None:
    expected, call = FAULTS[fault], storm.calls[fault, "after a good arrival"]
    assert storm.signals[call.contact_id, "arrival"]["state"] == "accepted"
    assert storm.signals[call.contact_id, "terminal"]["state"] == expected.state
    seen = storm.seen(call.contact_id, arrival=False)
    least, most = expected.requests
    assert least <= len(seen) <= most, seen
    assert sum(entry["accepted"] for entry in seen) == expected.taken


@pytest.mark.parametrize("fault", [name for name, expected in FAULTS.items() if expected.always])
def test_neither_signal_is_sent_too_often_when_from_the_first_request_on_cxone_is(
    storm: Storm, fault: str
) -> None:
    expected, call = FAULTS[fault], storm.calls[fault, "from the first request on"]
    arrival, terminal = (storm.signals[call.contact_id, kind] for kind in ("arrival", "terminal"))
    assert {arrival["state"], terminal["state"]} == {expected.state}
    before, after = (len(storm.seen(call.contact_id, arrival=one)) for one in (True, False))
    if expected.state == "expired":
        assert before <= expected.requests[1]
        assert after <= expected.requests[1]
    else:
        assert (before, after) == (1, 1)


@pytest.mark.parametrize("fault", FAULTS)
def test_no_call_is_harmed_when_cxone_is(storm: Storm, fault: str) -> None:
    for (name, _), call in storm.calls.items():
        if name == fault:
            assert call.saw("200 INVITE at the caller")
            row = storm.rows[call.contact_id]
            assert row["end"] == ("completed" if call.way is Way.COMPLETED else "handoff")
            assert call.promised in (0, 202)


def test_nothing_is_sent_again_after_a_known_answer(storm: Storm) -> None:
    by_order = storm.calls["repeating what is in doubt by order", "after a good arrival"].contact_id
    assert not [mistake for mistake in storm.mistakes if by_order not in mistake]


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("token", {"status": 503, "times": 2}),
        ("token", {"mode": "html_200", "times": 2}),
        ("token", {"mode": "timeout_before_accept", "seconds": 5, "times": 1}),
        ("token", {"mode": "reset_after", "times": 1}),
        ("openid", {"mode": "reset_before", "times": 2}),
        ("discovery", {"status": 500, "times": 1}),
        ("discovery", {"mode": "no_api_endpoint", "times": 1}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
async def test_signals_wait_for_a_way_to_nice_and_go_out_once_it_is_there(
    cxone: Cxone, tmp_path: Path, target: str, fault: dict[str, object]
) -> None:
    async with site(cxone, tmp_path, _impatient) as at:
        cxone.fault(**{target: fault})
        await at.start()
        await _served(at)
        books = await at.settled()
        terminal = [row["state"] for row in books.signals if row["moment"] != "arrival"]
        assert terminal == ["accepted"] * 3
        assert at.token_requests() <= 4
        assert all(entry["status"] == 202 for entry in ledger(cxone)), "nothing left before the way was known"
        assert not at.mistakes()
        await at.stop()


@pytest.mark.parametrize("error", ["invalid_client", "invalid_grant"])
async def test_credentials_that_are_refused_are_not_tried_for_each_signal(
    cxone: Cxone, tmp_path: Path, error: str
) -> None:
    async with site(cxone, tmp_path, with_ttl("4s")) as at:
        cxone.fault(token={"error": error})
        await at.start()
        await _served(at)
        books = await at.settled()
        assert {row["state"] for row in books.signals} == {"expired"}
        assert at.token_requests() <= 2
        assert not ledger(cxone)
        assert not at.mistakes()
        await at.stop()


def _impatient(plan: Plan) -> None:
    plan.projects["acme-care"]["cxone"]["timeout"] = "3s"


async def _served(at: Site) -> None:
    """Calls go on while nobody can signal."""
    calls = [at.crowd.call(new_contact(), way) for way in (Way.COMPLETED, Way.HANDOFF, Way.NO_AGENT)]
    await at.went_their_way()
    assert [call.promised for call in calls] == [0, 202, 0]
