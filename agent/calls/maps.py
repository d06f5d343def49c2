# SPDX-License-Identifier: GPL-3.0-or-later
"""The number map for operators: searched, explained, previewed; implements `agent.http.ports.MapDesk`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from agent.calls.live_call import LiveCall
from agent.calls.register import Register
from agent.configuration import Configuration
from agent.core.drafts import Draft
from agent.core.numbers import NumberRule
from agent.core.routing import route
from agent.settings.preview import Preview, Touched

_OF_CALL = ("call_id", "contact_id", "number", "project", "began")


class Maps:
    """Reads what is in force; only `preview` takes its time, in a child process."""

    def __init__(self, register: Register, configuration: Configuration) -> None:
        self._register = register
        self._configuration = configuration

    def reloads(self, most: int) -> list[dict[str, Any]]:
        """What became of the newest reloads, newest first."""
        return [record.shown() for record in self._configuration.reloads.newest(most)]

    async def preview(self, draft: Draft) -> dict[str, Any]:
        """What number maps would change of what is in force."""
        live = {call.record.call_id: call for call in self._register.calls()}
        pairs = [(call_id, call.record.number) for call_id, call in live.items()]
        found, held = await self._configuration.preview(draft, pairs)
        return _told(found, held, [_touched(one, live[one.call_id]) for one in found.touched])

    def route(self, number: str, carrier: str | None, token: str | None) -> dict[str, Any]:
        """Who takes a number and why."""
        snapshot = self._configuration.snapshot
        return route(snapshot, number, snapshot.carriers[carrier] if carrier else None, token).shown()

    def numbers(self, search: str, most: int) -> dict[str, Any]:
        """The first rules that have a text in them, or a number of which it is the beginning."""
        found: dict[str, NumberRule] = {}
        for rule in self._matching(search.strip(), most):
            found.setdefault(rule.pattern, rule)
            if len(found) == most:
                break
        rules = len(self._configuration.snapshot.numbers)
        return {"rules": rules, "numbers": [_shown(rule) for rule in found.values()]}

    def carriers(self) -> Sequence[str]:
        """Names of the carriers in force."""
        return sorted(self._configuration.snapshot.carriers)

    def files(self) -> Sequence[str]:
        """Names of the files that the map in force is from."""
        return sorted(PurePath(file).name for file in self._configuration.snapshot.numbers.layout.files)

    def _matching(self, search: str, most: int) -> Iterator[NumberRule]:
        numbers = self._configuration.snapshot.numbers
        digits = search.removeprefix("+").rstrip("*")
        if not search or digits.isdigit():
            yield from numbers.beginning_with(digits, most)
            yield from numbers.matches(digits)
        if search:
            yield from numbers.mentioning(search, most)


def _shown(rule: NumberRule) -> dict[str, Any]:
    return {
        "pattern": rule.pattern,
        "kind": rule.kind.value,
        "projects": list(rule.projects),
        "labels": dict(rule.labels),
        "file": rule.file,
        "line": rule.line,
    }


def _touched(one: Touched, call: LiveCall) -> dict[str, Any]:
    shown = call.record.shown()
    return {**{name: shown[name] for name in _OF_CALL}, "before": list(one.before), "after": list(one.after)}


def _told(found: Preview, held: str | None, live: list[dict[str, Any]]) -> dict[str, Any]:
    summary = found.summary
    if summary is None:
        result = "refused"
    elif held is not None:
        result = "held"
    else:
        result = "would_load" if summary.lines else "unchanged"
    return {
        "result": result,
        "mistakes": [{**asdict(mistake), "told": str(mistake)} for mistake in found.mistakes],
        "more_mistakes": found.more,
        "held": held,
        "rules": found.rules,
        "counts": {} if summary is None else dict(summary.counts),
        "changes": [] if summary is None else list(summary.lines),
        "restart": [] if summary is None else list(summary.restart),
        "live_calls": live,
    }
