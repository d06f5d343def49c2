# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node asks of another one of its fleet, for how long, and what is told when no answer came. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from agent.core.model.fleet import Fleet
from agent.core.words import Word

NODE: Final = "X-Handoff-Node"
"""The header by which a node says who asks; a request that has it is never forwarded again."""
FOR: Final = "X-Handoff-For"
"""The header by which a node says for whom it asks an operations listener."""
ROLE: Final = "X-Handoff-Role"
"""And that one's role: ``viewer`` or ``operator``."""
ANSWER_SECONDS: Final = 5.0
"""How long another node may take, on top of what the client lets it wait: less than clients wait (10 s)."""
LONGEST_UNASKED: Final = 8.0
"""The same for a client that names no wait, however long the project may take to decide."""
RETRY_SECONDS: Final = 2.0
"""After which a client may ask again: the node is back, or its calls are taken over within some 15 s."""

_LOWEST: Final = 200

Listening: TypeAlias = Literal["api", "operations"]


class Fate(Word):
    """What became of a request that was for another node."""

    ANSWERED = "answered"
    NO_WAY = "no_way"
    """The configuration does not say where that node is asked."""
    NOT_REACHED = "not_reached"
    """Nothing of the request can have come to it."""
    UNKNOWN = "unknown"
    """It was sent, and no whole answer came."""
    NOT_LET_IN = "not_let_in"
    """The other node does not know the token that was shown to it."""
    LOOP = "loop"
    """It came from a node already, and this one has not the call either."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where another node is asked.

    Attributes:
        url: of its listener, without a path.
        token: what is shown to it.
    """

    url: str
    token: str


def way(fleet: Fleet | None, name: str, listening: Listening) -> Way | None:
    """Where a node is asked; None where the configuration does not say."""
    node = None if fleet is None else fleet.node(name)
    if fleet is None or node is None or not fleet.token:
        return None
    url = node.api if listening == "api" else node.operations
    return None if url is None else Way(url, fleet.token[0].get_secret_value())


def patience(wait: float | None, decision: float) -> float:
    """Seconds for a request to another node.

    Args:
        wait: what the client lets it wait (``?wait=``), None where it does not say.
        decision: how long the project may take without a word of the client.
    """
    if wait is not None:
        return ANSWER_SECONDS + wait
    return min(ANSWER_SECONDS + decision, LONGEST_UNASKED)


def is_whole(status: int, headers: Mapping[str, str], length: int) -> bool:
    """Whether an answer is a node's and came to its end: JSON, of the length that was announced."""
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return status >= _LOWEST and kind == "application/json" and headers.get("Content-Length") == str(length)


def unlisted(fate: Fate, node: str, *, words: str = "", seconds: float = 0.0) -> str:
    """Why the calls of another node are not in a list, in one line."""
    whys = {
        Fate.NO_WAY: "fleet in agent.yaml does not say where its operations is",
        Fate.NOT_REACHED: words,
        Fate.NOT_LET_IN: "it does not know this node's fleet.token",
    }
    why = whys.get(fate, f"no answer within {seconds:g} s ({words})")
    return f"calls that are up on {node} may be missing: {why}"


def told(fate: Fate, node: str, listening: Listening, *, words: str = "", seconds: float = 0.0) -> str:
    """Why there is no answer about a call of another node, in one line for the client.

    Args:
        fate: what became of the request.
        node: that has the call.
        listening: the listener that was asked, or was to be.
        words: of the fault.
        seconds: that were waited at most.
    """
    match fate:
        case Fate.NO_WAY:
            return f"{node} has this call, and fleet in agent.yaml does not say where its {listening} is"
        case Fate.NOT_REACHED:
            return f"{node} has this call and was not reached ({words}): nothing was asked of it, try again"
        case Fate.NOT_LET_IN:
            return f"{node} has this call and does not know this node's fleet.token: give all nodes the same"
        case Fate.LOOP:
            return (
                f"{node} is said to have this call, and it was asked already: nodes need names of their own"
            )
        case _:
            return (
                f"{node} has this call and gave no answer within {seconds:g} s ({words}): whether it did "
                "what was asked is not known; asking again is safe, a call is handed off once"
            )
