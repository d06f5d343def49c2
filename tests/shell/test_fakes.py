# SPDX-License-Identifier: GPL-3.0-or-later
"""The fakes are honest: they have each verb that the real ones have, in the same form."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from agent.delivery.courier import Poster, Sender
from agent.delivery.sqlite import SqliteStore
from agent.delivery.store import Store
from agent.sip.leg import Leg
from agent.sip.players import Comfort
from agent.sip.stack import Stack
from tests.shell.harness.nice import Nice
from tests.shell.harness.sip import FakeComfort, FakeLeg, FakeStack

NOT_ASKED_BY_CALLS = {
    Stack: {
        *("start", "close", "let_in", "renew_certificates", "probe", "native_calls", "rest"),
        "look_for_messages",
    },
    Comfort: {"close"},
}
"""Verbs that only the node asks for, or pjsua2's callbacks; a fake does not need them."""


def verbs(kind: type) -> set[str]:
    """The public methods and properties of a class itself."""
    return {
        name
        for name, what in vars(kind).items()
        if not name.startswith("_") and (inspect.isfunction(what) or isinstance(what, property))
    }


def form(verb: Any) -> inspect.Signature:  # noqa: ANN401 - a function or a property
    """What must be the same in a fake: names, kinds, defaults and types of what goes in and comes out."""
    return inspect.signature(getattr(verb, "fget", verb))


@pytest.mark.parametrize(("real", "fake"), [(Leg, FakeLeg), (Stack, FakeStack), (Comfort, FakeComfort)])
def test_a_fake_has_every_verb_of_its_own_in_the_form_of_the_real_one(real: type, fake: type) -> None:
    asked = verbs(real) - NOT_ASKED_BY_CALLS.get(real, set())
    assert asked <= verbs(fake), "this one would reach pjsua2"
    for name in asked:
        assert form(vars(fake)[name]) == form(vars(real)[name]), name


@pytest.mark.parametrize(
    ("real", "fake"), [(Sender.signal, Nice.signal), (Sender.can_send_now, Nice.can_send_now)]
)
def test_nice_is_asked_in_the_form_of_the_sender(
    real: Callable[..., object], fake: Callable[..., object]
) -> None:
    assert inspect.signature(fake) == inspect.signature(real)


def test_webhooks_are_posted_in_the_form_of_the_poster() -> None:
    assert inspect.signature(Nice.post) == inspect.signature(Poster.post)


def test_a_storage_that_fails_has_a_real_one_behind_it_which_has_every_operation() -> None:
    operations = {name for kind in Store.__mro__ for name in vars(kind) if not name.startswith("_")}
    assert {"open_call", "update_signal", "signals"} <= operations
    for name in operations:
        assert form(getattr(SqliteStore, name)) == form(getattr(Store, name)), name
