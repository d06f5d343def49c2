# SPDX-License-Identifier: GPL-3.0-or-later
"""The fuzzer's own parts: a seed says everything."""

from __future__ import annotations

from random import Random

from tests.fuzz.corpus import IN_DIALOG, Dialog
from tests.fuzz.mutations import foreign, mutate

CALLER = ("127.0.0.1", 5060, False, "call", "<sip:a@127.0.0.1>;tag=a", "<sip:b@127.0.0.1>", "sip:b@127.0.0.1")


def _some(seed: int) -> list[bytes]:
    rng = Random(seed)  # noqa: S311 - the same each time is the point
    dialog = Dialog(*CALLER)
    requests = [dialog.any_request(rng, rng.choice(IN_DIALOG)) for _ in range(300)]
    return [rng.choice((mutate, foreign))(rng, request) for request in requests]


def test_the_same_seed_makes_the_same_bytes() -> None:
    assert _some(7) == _some(7)
    assert _some(7) != _some(8)
