# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutations of the body, of SDP above all."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from tests.fuzz.heads import Mutation
from tests.fuzz.message import Message


def _lines(message: Message) -> list[str]:
    return message.body.split("\r\n")[:-1] if message.body.startswith("v=") else []


def _change_lines(rng: Random, message: Message, change: Callable[[list[str], int], None]) -> None:
    if lines := _lines(message):
        change(lines, rng.randrange(len(lines)))
        message.body = "".join(f"{line}\r\n" for line in lines)


def _repeat_line(rng: Random, message: Message) -> None:
    times = rng.choice((1, 1, 2, 20, 70))
    _change_lines(rng, message, lambda lines, at: lines.insert(at, "\r\n".join([lines[at]] * times)))


def _drop_line(rng: Random, message: Message) -> None:
    def drop(lines: list[str], at: int) -> None:
        del lines[at]

    _change_lines(rng, message, drop)


def _drop_connections(rng: Random, message: Message) -> None:
    def drop(lines: list[str], _: int) -> None:
        kept = [line for line in lines if not line.startswith("c=") or rng.random() < 0.3]
        lines[:] = kept

    _change_lines(rng, message, drop)


def _reorder_lines(rng: Random, message: Message) -> None:
    _change_lines(rng, message, lambda lines, _: rng.shuffle(lines))


def _cut_line(rng: Random, message: Message) -> None:
    def cut(lines: list[str], at: int) -> None:
        lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]

    _change_lines(rng, message, cut)


def _port_zero(rng: Random, message: Message) -> None:
    def zero(lines: list[str], _: int) -> None:
        lines[:] = [re.sub(r"^(m=\w+) \d+", r"\1 0", line) if rng.random() < 0.7 else line for line in lines]

    _change_lines(rng, message, zero)


def _many_streams(rng: Random, message: Message) -> None:
    def more(lines: list[str], _: int) -> None:
        streams = [line for line in lines if line.startswith("m=")] or ["m=audio 30014 RTP/AVP 0"]
        lines += [rng.choice(streams) for _ in range(rng.choice((1, 2, 6, 7, 8, 12, 20)))]

    _change_lines(rng, message, more)


def _other_body(rng: Random, message: Message) -> None:
    bodies = (
        "",
        "\0" * 40,
        "v=0\r\n",
        "{",
        "[" * 900,
        "--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x--\r\n",
    )
    message.body = rng.choice((*bodies, message.body[: len(message.body) // 2], message.body * 3))


BODIES: tuple[Mutation, ...] = (
    *(_repeat_line, _drop_line, _drop_connections, _reorder_lines, _cut_line, _port_zero, _many_streams),
    _other_body,
)
