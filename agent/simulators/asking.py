# SPDX-License-Identifier: GPL-3.0-or-later
"""What a voice agent says when it hands the caller back, put in each of the four ways. Pure."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import quote

from agent.core.records import Way
from agent.simulators.arguments import one_of, seconds

Headers: TypeAlias = tuple[tuple[str, str], ...]

# The names that a project has by default (handoff.headers).
_DESTINATION: Final = "X-Handoff-Destination"
_DATA: Final = "X-Handoff-Data"


@dataclass(frozen=True, slots=True)
class Words:
    """What is said at a handoff.

    Attributes:
        summary: goes into the data for the human's desktop.
    """

    destination: str
    skill: str
    reason: str
    summary: str = "The caller asked for a human about a bill."

    def json(self) -> dict[str, object]:
        """The fields of the handoff API, and of an INFO's body."""
        return {
            "destination": self.destination,
            "skill": self.skill,
            "reason": self.reason,
            "data": {"summary": self.summary},
        }

    def headers(self) -> Headers:
        """The headers of a BYE or REFER; the data is JSON, URL-encoded."""
        return tuple((name, quote(value, safe="") if name == _DATA else value) for name, value in self._said)

    @property
    def _said(self) -> Headers:
        return (
            (_DESTINATION, self.destination),
            ("X-Handoff-Skill", self.skill),
            ("X-Handoff-Reason", self.reason),
            (_DATA, json.dumps({"summary": self.summary})),
        )

    def referring(self, refer_to: str, *, embedded: bool) -> tuple[str, Headers]:
        """The Refer-To URI and the headers of a REFER.

        Args:
            refer_to: where it says the caller should go; ``""`` for the destination at a host that nobody
                has (RFC 2606), which then is named nowhere else.
            embedded: say the rest behind the ``?`` of the URI (RFC 3261 section 19.1.1), not beside it.
        """
        left_out = "" if refer_to else _DESTINATION
        refer_to = refer_to or f"sip:{quote(self.destination, safe='')}@handoff.invalid"
        if not embedded:
            return refer_to, tuple(pair for pair in self.headers() if pair[0] != left_out)
        pairs = (f"{name}={quote(value, safe='')}" for name, value in self._said if name != left_out)
        return f"{refer_to}?{'&'.join(pairs)}", ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which options tell how and when it hands off."""
    add = parser.add_argument
    add(
        "--hand-off-after",
        type=seconds,
        metavar="SECONDS",
        help="hand the caller back so long after answering",
    )
    add(
        "--ask",
        type=one_of(Way),
        default=Way.HTTP,
        metavar="{http,refer,info,bye}",
        help="how: the handoff API, or REFER, INFO (JSON) or BYE (headers) on its leg (default http)",
    )
    add("--destination", default="CUSTOMER_CARE", help="handoff destination")
    add("--skill", default="4711", help="handoff skill")
    add("--reason", default="CALLER_ASKED", help="handoff reason")
    add("--refer-to", default="", metavar="URI", help="Refer-To; default: the destination at handoff.invalid")
    add(
        "--refer-headers",
        choices=("embedded", "own"),
        default="embedded",
        help="where a REFER says the rest: in Refer-To, or in headers of its own (default embedded)",
    )
    add(
        "--talk-on",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="go on speaking so long after it asked (default 0)",
    )
    add("--api", default="http://127.0.0.1:8080", metavar="URL", help="the agent's handoff API")
    add("--api-key", default="demo-api-key", metavar="KEY", help="its key")
    add("--account", default="acme", help="account in the API's path")
    add("--project", default="acme-care", help="project in the API's path")
