# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of what the node remembers of a call: its SIP messages, its decisions, its audio."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from agent.core.ladder.drawing import AGENT, CALLER, QUEUE, US, Column, Step
from agent.core.records import Channel
from agent.core.story import LOST, NO_ANSWER, NO_RTP, REFUSED, TIMER

# As `agent.telemetry.stories` puts a message in words.
_MESSAGE: Final = re.compile(
    r"(?P<side>\w+) +(?P<arrow>→ us|us →) (?P<line>.*) \[(?P<cseq>[^\]]*)\]"
    r" (?P<transport>\w+) (?P<peer>\S+?)(?P<again> \(again\))?"
)
_STATUS: Final = re.compile(r"SIP/2\.0 (?P<code>\d{3}) ?(?P<phrase>.*)")
_CHALLENGES: Final = ("401", "407", "487")
_TROUBLE: Final = re.compile(
    rf"({REFUSED}|{TIMER}.* ran out|{NO_RTP}|{LOST}|{NO_ANSWER}|not recorded|sip:.*: )"
)
# What the outbox tells better, with times and NICE's words.
_IN_OUTBOX: Final = re.compile(r"(\w+ )?(recorded|sending|accepted|refused|unknown)\b")
_TITLES: Final = {CALLER: "Caller", AGENT: "Voice agent", QUEUE: "Queue"}
_CHANNELS: Final = tuple(channel.value for channel in Channel)
_LABEL: Final = 90


class Told:
    """What a story tells.

    Args:
        entries: objects with ``when``, ``kind`` and ``text``; those of kind sip may have ``position``.
        outbox: whether the entries of the outbox are known from elsewhere.

    Attributes:
        columns: the far ends, in the order in which they came.
        steps: all of it.
    """

    def __init__(self, entries: Sequence[Mapping[str, Any]], *, outbox: bool) -> None:
        self.columns: dict[str, Column] = {}
        self._last: dict[str, str] = {}
        self.steps = list(self._told(entries, outbox=outbox))

    def _told(self, entries: Sequence[Mapping[str, Any]], *, outbox: bool) -> Iterator[Step]:
        for entry in entries:
            text: str = entry["text"]
            if entry["kind"] == "sip" and (found := _MESSAGE.fullmatch(text)):
                yield self._message(entry, found)
            elif not (outbox and entry["kind"] in _CHANNELS and _IN_OUTBOX.match(text)):
                yield note(entry["when"], entry["kind"], text, failed=_TROUBLE.match(text) is not None)

    def _message(self, entry: Mapping[str, Any], found: re.Match[str]) -> Step:
        received, line, cseq = found["arrow"] == "→ us", found["line"], found["cseq"]
        method = cseq.rpartition(" ")[2]
        status = _STATUS.fullmatch(line)
        dialled = status is None and method == "INVITE" and not received and found["side"] != CALLER
        far = self._column(found["side"], found["peer"], opens=dialled)
        label = f"{status['code']} {status['phrase']} ({method})" if status else line.partition(" ")[0]
        code = status["code"] if status else ""
        return Step(
            when=entry["when"],
            kind="sip",
            label=label,
            text=f"{line} [{cseq}] {found['transport']} {found['peer']}",
            source=far if received else US,
            target=US if received else far,
            repeated=found["again"] is not None,
            failed=code[:1] in ("4", "5", "6") and code not in _CHALLENGES,
            position=entry.get("position"),
            reply=status is not None,
        )

    def _column(self, side: str, peer: str, *, opens: bool) -> str:
        """The column of a far end: each address that is dialled has one of its own."""
        same = [column for key, column in self.columns.items() if key.partition(" ")[0] == side]
        for column in same:
            if column.place == peer:
                self._last[side] = column.key
                return column.key
        if same and not opens:
            return self._last[side]  # a proxy in between, or a Contact elsewhere
        key = f"{side} {len(same) + 1}" if same else side
        title = _TITLES.get(side, side.capitalize())
        self.columns[key] = Column(key, f"{title} {len(same) + 1}" if same else title, peer)
        self._last[side] = key
        return key


def note(when: float, kind: str, text: str, *, failed: bool = False) -> Step:
    """Something that happened here."""
    label = text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"
    return Step(when, kind, label, text, failed=failed)
