# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutations of the start line and the headers."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from tests.fuzz.message import COMPACT, Message
from tests.fuzz.words import HEADERS, NUMBERS, PARAMETERS, URI_HEADERS, URIS

Mutation = Callable[[Random, Message], None]
_URI = re.compile(r"<[^>]*>|sips?:[^\s;,>]+")


def _at(rng: Random, message: Message) -> int:
    return rng.randrange(len(message.headers)) if message.headers else -1


def _repeat_header(rng: Random, message: Message) -> None:
    if (place := _at(rng, message)) >= 0:
        where, times = _at(rng, message), rng.choice((1, 1, 1, 2, 40))
        message.headers[where:where] = [message.headers[place]] * times


def _drop_header(rng: Random, message: Message) -> None:
    if (place := _at(rng, message)) >= 0:
        del message.headers[place]


def _reorder_headers(rng: Random, message: Message) -> None:
    rng.shuffle(message.headers)


def _add_header(rng: Random, message: Message) -> None:
    message.headers.insert(rng.randrange(len(message.headers) + 1), rng.choice(HEADERS))


def change_value(rng: Random, message: Message, change: Callable[[str], str]) -> None:
    """Change the value of one header."""
    if (place := _at(rng, message)) >= 0:
        name, value = message.headers[place]
        message.headers[place] = name, change(value)


def _empty_value(rng: Random, message: Message) -> None:
    change_value(rng, message, lambda _: rng.choice(("", " ", ",", ";", "<>", '"', "\t")))


def _take_value_of_another(rng: Random, message: Message) -> None:
    change_value(rng, message, lambda value: rng.choice(message.headers)[1] or value)


def _join_values(rng: Random, message: Message) -> None:
    change_value(rng, message, lambda value: ", ".join([value] * rng.choice((2, 3, 30))))


def _fold(rng: Random, message: Message) -> None:
    def broken(value: str) -> str:
        place = rng.randrange(len(value) + 1)
        return value[:place] + rng.choice(("\r\n ", "\r\n\t", "\n ", "\r\n  \r\n ")) + value[place:]

    change_value(rng, message, broken)


def _spell_name(rng: Random, message: Message) -> None:
    if (place := _at(rng, message)) >= 0:
        name, value = message.headers[place]
        ways = (
            COMPACT.get(name, name),
            name.upper(),
            f"{name} ",
            f"{name}\t",
            f" {name}",
            name[:-1],
            f"{name}:",
        )
        message.headers[place] = rng.choice(ways), value


def _add_parameter(rng: Random, message: Message) -> None:
    change_value(rng, message, lambda value: value + rng.choice(PARAMETERS) * rng.choice((1, 1, 1, 20)))


def _long_token(rng: Random, message: Message) -> None:
    token = rng.choice("aZ0%\xff;,") * rng.choice((60, 130, 260, 520, 1100, 4100))
    change_value(rng, message, lambda value: re.sub(r"[A-Za-z]+", lambda _: token, value, count=1))


def foreign_uri(rng: Random, message: Message) -> None:
    """Put a URI of any kind into a header that has one, or bring such a header in."""
    uri, name = rng.choice(URIS), rng.choice(URI_HEADERS)
    written = rng.choice((f"<{uri}>", uri, f'"x" <{uri}>;x=y', f"<{uri}"))
    places = [place for place, (found, _) in enumerate(message.headers) if found == name]
    if not places:
        message.headers.insert(rng.randrange(len(message.headers) + 1), (name, written))
        return
    value = message.headers[places[0]][1]
    message.headers[places[0]] = name, rng.choice((written, _URI.sub(lambda _: f"<{uri}>", value, count=1)))


def _request_uri(rng: Random, message: Message) -> None:
    words = message.start.split(" ")
    if not message.status and len(words) > 1:
        words[1] = rng.choice((rng.choice(URIS), words[1] + rng.choice(PARAMETERS)))
        message.start = " ".join(words)


def _start_line(rng: Random, message: Message) -> None:
    line, method = message.start, message.method
    ways = (line.lower(), line.replace(" ", "  "), line.replace("2.0", "9.9"), f" {line}", line[:-1])
    more = (line.replace(method, "X" * 200), line.replace(method, "ACK"), line.replace(method, "CANCEL"))
    codes = tuple(
        re.sub(r"\d{3}", code, line, count=1)
        for code in ("0", "99", "199", "302", "401", "481", "700", "9999")
    )
    message.start = rng.choice((*ways, *(codes if message.status else more)))


def _content_length(rng: Random, message: Message) -> None:
    message.length = rng.choice((*NUMBERS, str(len(message.body) - 1), str(len(message.body) + 1)))


def _line_ends(rng: Random, message: Message) -> None:
    message.end = rng.choice(("\n", "\r", "\r\r\n", "\r\n"))


HEADS: tuple[Mutation, ...] = (
    *(_repeat_header, _drop_header, _reorder_headers, _add_header, _empty_value, _take_value_of_another),
    *(_join_values, _fold, _spell_name, _add_parameter, _long_token, _request_uri, _start_line),
    *(_content_length, _line_ends),
)
