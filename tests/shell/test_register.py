# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls that are up: how each is found, and what is counted of them."""

from __future__ import annotations

import asyncio

import pytest

from agent.calls.register import Register
from tests.core.examples import CONTACT
from tests.shell.harness.scripted_call import ScriptedCall, call


def register_of(*calls: ScriptedCall) -> Register:
    register = Register()
    for one in calls:
        register.add(one.as_call)
    return register


def test_a_call_is_found_by_its_id_and_by_each_of_its_legs() -> None:
    one, other = call("c-1"), call("c-2")
    register = register_of(one, other)
    register.add_leg(11, one.as_call)
    register.add_leg(12, one.as_call)
    assert register.by_id("c-1") is one.as_call
    assert register.by_id("c-9") is None
    assert register.by_leg(11) is register.by_leg(12) is one.as_call
    assert register.by_leg(13) is None
    assert register.calls() == [one.as_call, other.as_call]


def test_the_legs_of_a_call_that_is_over_stay_known_until_each_has_ended() -> None:
    one = call()
    register = register_of(one)
    register.add_leg(11, one.as_call)
    register.remove(one.as_call)
    assert (register.by_id("c-1"), register.by_leg(11)) == (None, one.as_call)
    register.remove_leg(11)
    register.remove_leg(11)
    assert register.by_leg(11) is None


def test_of_several_calls_of_one_contact_the_newest_is_meant() -> None:
    older, newer = call("c-1"), call("c-2")
    register = register_of(older, newer)
    assert register.find("acme", "care", "", CONTACT) is newer.as_call
    assert register.find("acme", "care", "c-1", CONTACT) is older.as_call


@pytest.mark.parametrize(
    ("account", "project", "call_id", "contact_id"),
    [
        ("other", "care", "c-1", ""),
        ("acme", "sales", "c-1", ""),
        ("acme", "care", "c-9", CONTACT),
        ("acme", "care", "", "1"),
    ],
)
def test_a_call_of_somebody_else_or_another_id_is_not_found(
    account: str, project: str, call_id: str, contact_id: str
) -> None:
    assert register_of(call()).find(account, project, call_id, contact_id) is None


def test_calls_are_counted_by_project_and_contact_and_each_is_uncounted_once() -> None:
    one, two = call("c-1"), call("c-2")
    register = register_of(one, two, call("c-3", project="sales", contact_id="5"))
    assert (len(register), register.of_project("care"), register.of_project("sales")) == (3, 2, 1)
    for _ in range(2):
        register.remove(one.as_call)
    assert (len(register), register.of_project("care")) == (2, 1)
    assert register.contact_is_up("acme", "care", CONTACT)
    register.remove(two.as_call)
    assert (register.of_project("care"), register.contact_is_up("acme", "care", CONTACT)) == (0, False)
    assert register.contact_is_up("acme", "sales", "5")
    assert not register.contact_is_up("other", "sales", "5")


async def test_whoever_waits_for_the_last_call_goes_on_when_it_is_over() -> None:
    one, two = call("c-1"), call("c-2")
    register = register_of(one, two)
    waiting = asyncio.ensure_future(register.idle())
    register.remove(one.as_call)
    await asyncio.sleep(0)
    assert not waiting.done()
    register.remove(two.as_call)
    await waiting
    await register.idle()
    register.add(one.as_call)
    again = asyncio.ensure_future(register.idle())
    await asyncio.sleep(0)
    assert not again.done()
    again.cancel()
