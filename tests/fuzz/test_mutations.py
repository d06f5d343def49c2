# SPDX-License-Identifier: GPL-3.0-or-later
"""The fuzzer's own parts: a seed says everything, and no name of a host leaves."""

from __future__ import annotations

from random import Random

import pytest

from tests.fuzz.corpus import IN_DIALOG, Dialog
from tests.fuzz.mutations import foreign, mutate, names_host

CALLER = ("127.0.0.1", 5060, False, "call", "<sip:a@127.0.0.1>;tag=a", "<sip:b@127.0.0.1>", "sip:b@127.0.0.1")


def _some(seed: int) -> list[bytes]:
    rng = Random(seed)  # noqa: S311 - the same each time is the point
    dialog = Dialog(*CALLER)
    requests = [dialog.any_request(rng, rng.choice(IN_DIALOG)) for _ in range(300)]
    return [rng.choice((mutate, foreign))(rng, request) for request in requests]


def test_the_same_seed_makes_the_same_bytes() -> None:
    assert _some(7) == _some(7)
    assert _some(7) != _some(8)


def test_what_is_well_formed_names_no_host() -> None:
    rng = Random(7)  # noqa: S311 - the same each time is the point
    dialog = Dialog(*CALLER)
    for method in IN_DIALOG * 20:
        assert not names_host(dialog.any_request(rng, method).render())


@pytest.mark.parametrize(
    "line",
    [
        "Contact: <sip:a@host>",
        "m: sip:host:5060",
        "Via: SIP/2.0/UDP host;branch=x",
        "Via: SIP/2.0/UDP 127.0.0.1;maddr=host",
        "Route: <sips:127.0.0.256>",
        "\r\nc=IN IP4 host",
    ],
)
def test_a_name_of_a_host_is_seen(line: str) -> None:
    assert names_host(f"INVITE sip:a@127.0.0.1 SIP/2.0\r\n{line}\r\n".encode())
