# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to a well-formed message. Each mutation knows what it changes: a header, a URI, a number, SDP.

All choices come from the given generator, so that a seed says everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from random import Random

from tests.fuzz.bodies import BODIES
from tests.fuzz.heads import HEADS, Mutation, change_value, foreign_uri
from tests.fuzz.message import Message
from tests.fuzz.words import NUMBERS

Spoil = Callable[[Random, Message], bytes]

_DIGITS = re.compile(r"(?<![\d.])\d+(?!\d|\.\d)")  # not one of an address


def mutate(rng: Random, message: Message) -> bytes:
    """A message with one to five things wrong with it."""
    spoiled = deepcopy(message)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5))):
        rng.choice(_ALL)(rng, spoiled)
    data = spoiled.render()
    return rng.choice(_BYTES)(rng, data) if rng.random() < 0.2 else data


def foreign(rng: Random, message: Message) -> bytes:
    """A message with URIs where no such URI belongs, and all else as it should be."""
    spoiled = deepcopy(message)
    for _ in range(rng.choice((1, 1, 2))):
        foreign_uri(rng, spoiled)
    return spoiled.render()


def _number(rng: Random, message: Message) -> None:
    def extreme(text: str) -> str:
        found = list(_DIGITS.finditer(text))
        if not found:
            return text
        match = rng.choice(found)
        return text[: match.start()] + rng.choice(NUMBERS) + text[match.end() :]

    if message.body and rng.random() < 0.5:
        message.body = extreme(message.body)
    else:
        change_value(rng, message, extreme)


def _flip(rng: Random, data: bytes) -> bytes:
    spoiled = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        spoiled[rng.randrange(len(spoiled))] = rng.choice(
            (rng.randrange(256), 0, 10, 13, 32, 34, 37, 60, 255)
        )
    return bytes(spoiled)


def _cut(rng: Random, data: bytes) -> bytes:
    return data[: rng.randrange(1, len(data) + 1)]


def _double(rng: Random, data: bytes) -> bytes:
    begin = rng.randrange(len(data))
    end = begin + rng.choice((1, 8, 64, 512))
    return data[:end] + data[begin:end] * rng.choice((1, 1, 5)) + data[end:]


_ALL: tuple[Mutation, ...] = (*HEADS, *BODIES, *(foreign_uri, _number) * 3)
_BYTES: tuple[Callable[[Random, bytes], bytes], ...] = (_flip, _flip, _cut, _double)
