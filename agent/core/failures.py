# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network does instead of an answer: a row per kind of failure, with its likely cause."""

from __future__ import annotations

from typing import Final, Self

from agent.core.advice import Advice
from agent.core.words import Word

_REACH: Final = "let this machine reach NICE's hosts on 443"


class Failure(Word):
    """A kind of failure. The value is how it is told, and how `advice_for` knows it again."""

    advice: Advice

    def __new__(cls, words: str, cause: str, remedy: str) -> Self:
        """A row: the words, the likely cause, and what to do."""
        member = str.__new__(cls, words)
        member._value_ = words
        member.advice = Advice(cause, remedy)
        return member

    NO_ADDRESS = (
        "the host name could not be resolved",
        "DNS of this machine, or a slip in the host",
        "getent hosts HOST; check cxone.issuer",
    )
    CERTIFICATE = (
        "the server's certificate was not accepted",
        "a proxy that opens TLS, or a clock far off",
        "install the proxy's CA, or let NICE's hosts pass it",
    )
    NO_TLS = ("no TLS connection could be made", "a firewall or proxy in the way", _REACH)
    NOT_CONNECTED = ("could not connect", "a firewall, or nothing listens there", _REACH)
    CONNECT_TIMEOUT = ("no connection in time", "a firewall that drops", _REACH)
    TIMEOUT = (
        "no answer in time",
        "NICE or the way there is slow",
        "try again; raise cxone.timeout if it stays so",
    )
    LOST = (
        "the connection was lost before an answer came",
        "a proxy or balancer in the way",
        "try again; look for a proxy that cuts",
    )


def advice_for(text: str) -> Advice | None:
    """The advice for the failure that a text tells of, if it tells of one."""
    return next((failure.advice for failure in Failure if failure.value in text), None)
