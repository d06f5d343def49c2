# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks the operations listener, and what that one may see and do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from aiohttp import web

from agent.core.model.access import Role
from agent.http.own_hosts import ASKED_BY, not_simple

_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks.

    Attributes:
        name: as the configuration or the proxy names them; empty where there is no log-in.
        role: what they may do.
        way: how that is known; ``open``: nobody has to log in, or not for this path.
        bound: what a form's token belongs to, so that nobody can use another one's.
        address: where the request comes from, as far as a trusted proxy says it.
    """

    name: str
    role: Role
    way: Literal["open", "token", "session", "proxy", "node"] = "open"
    bound: str = ""
    address: str = ""

    @property
    def operator(self) -> bool:
        """Whether they may change things."""
        return self.role == "operator"


WHO: Final = web.RequestKey("who", Identity)


def who(request: web.Request) -> Identity:
    """Who asks; somebody without a name, who may read what is open, where nobody looked."""
    return request.get(WHO) or Identity("", "viewer")


def named(request: web.Request, claimed: str = "") -> str:
    """The name under which something is done.

    Args:
        request: whose asker is known by log-in or not.
        claimed: the name that the request gives; beside a name that is known it stands in brackets.
    """
    claim = printable(claimed or request.headers.get(ASKED_BY, ""))
    known = who(request).name
    if not known:
        return claim or "an unnamed operator"
    return f"{known} ({claim})" if claim and claim != known else known


def in_clear(request: web.Request, *, shown: bool) -> bool:
    """Whether this answer has phone numbers in clear.

    Args:
        request: with ``numbers=shown`` where they are asked for.
        shown: whether logs have them in clear.

    A viewer gets none: a command that needs them says so itself.
    """
    asked = request.query.get("numbers") == "shown" and (not_simple(request) or _own_page(request))
    return who(request).operator and (shown or asked)


def signed(name: str, why: str) -> str:
    """Who decided about a signal and why, as its record keeps it."""
    return f"{name}: {' '.join(why.split())}" if why.strip() else name


def printable(text: str) -> str:
    """A name without control characters, cut."""
    return "".join(character for character in text if character.isprintable()).strip()[:_LONGEST_NAME]


def _own_page(request: web.Request) -> bool:
    """Whether the request was made by a person or a page of ours (Fetch metadata; no page can forge it)."""
    return request.headers.get("Sec-Fetch-Site") in ("same-origin", "none")
