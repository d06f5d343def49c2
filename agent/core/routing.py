# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes a number and why, or the nearest miss; in words for operators, never with a token in them."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.core.model import Carrier, Project, Snapshot
from agent.core.numbers import Kind, NumberRule, normalise
from agent.core.reasons import Reason

_WHY = {
    Kind.EXACT: "the same number",
    Kind.RANGE: "the number is in this range",
    Kind.PREFIX: "the number has this prefix",
}


@dataclass(frozen=True, slots=True)
class Route:
    """What becomes of a number. ``project`` is empty when it is refused, or when the token must decide."""

    number: str
    rule: NumberRule | None = None
    project: str = ""
    refusal: Reason | None = None
    lines: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, object]:
        """The same as a JSON object."""
        rule = self.rule
        return {
            "number": self.number,
            "rule": rule
            and {"pattern": rule.pattern, "kind": rule.kind, "file": rule.file, "line": rule.line},
            "projects": list(rule.projects) if rule else [],
            "labels": dict(rule.labels) if rule else {},
            "project": self.project or None,
            "refusal": self.refusal and {"code": self.refusal.code, "reason": self.refusal.value},
            "why": self.lines,
        }


def route(snapshot: Snapshot, text: str, carrier: Carrier | None, token: str | None) -> Route:
    """What becomes of a call to ``text``; its lines never show a token."""
    number = normalise(text, carrier.numbers.strip if carrier else ())
    lines = (
        [f"{text} is {number} after the number rules of {carrier.name}"] if carrier and number != text else []
    )
    rules = list(snapshot.numbers.matches(number))
    if not rules:
        lines += _nearest_miss(snapshot, text, number)
        return Route(number, refusal=Reason.UNKNOWN_NUMBER, lines=lines)
    rule = rules[0]
    lines.append(f"{rule.place}: {rule.kind} {rule.pattern} matches {number}: {_WHY[rule.kind]}")
    lines += [
        f"{hidden.place}: {hidden.kind} {hidden.pattern} matches too, but is less specific"
        for hidden in rules[1:]
    ]
    project, refusal, text = _by_token(
        snapshot, [snapshot.projects[name] for name in rule.projects], carrier, token
    )
    lines.append(text)
    if rule.labels:
        lines.append("labels: " + ", ".join(f"{name}={value}" for name, value in rule.labels.items()))
    return Route(number, rule, project, refusal, lines)


def _by_token(
    snapshot: Snapshot, projects: list[Project], carrier: Carrier | None, token: str | None
) -> tuple[str, Reason | None, str]:
    """The project, why there is none, and both in words; the same choice as `agent.core.admission` makes."""
    first = projects[0]
    if len(projects) == 1 and (first.token is None or (carrier is not None and not carrier.token_header)):
        why = "it needs no token" if first.token is None else f"{carrier and carrier.name} sends no token"
        return first.project, None, f"project {first.project}: {why}"
    names = ", ".join(project.project for project in projects)
    if token is None and (carrier is None or carrier.token_header):
        return _undecided(projects, names)
    given = token if token is not None and (carrier is None or carrier.token_header) else ""
    for project in projects:
        if _fits(project, given):
            what = "the token matches" if project.token else "the call carries no token, and none is needed"
            return project.project, None, f"project {project.project}: {what}"
    code = f"refused, {Reason.BAD_TOKEN.code} {Reason.BAD_TOKEN.value}"
    if not given:
        return "", Reason.BAD_TOKEN, f"{code}: the call carries no token, and {names} needs one"
    owner = next((p.project for p in snapshot.projects.values() if p.token and _fits(p, given)), None)
    whose = f"it belongs to {owner}" if owner else "no project has it"
    return "", Reason.BAD_TOKEN, f"{code}: the token does not belong to {names}; {whose}"


def _undecided(projects: list[Project], names: str) -> tuple[str, Reason | None, str]:
    if len(projects) == 1:
        return names, None, f"project {names}, if the call carries its token (try --token)"
    return "", None, f"one of {names}: the token decides (try --token)"


def _fits(project: Project, given: str) -> bool:
    if project.token is None:
        return not given
    return hmac.compare_digest(project.token.get_secret_value().encode(), given.encode())


def _nearest_miss(snapshot: Snapshot, text: str, number: str) -> Iterator[str]:
    refusal = Reason.UNKNOWN_NUMBER
    yield f"no rule matches {number or text}: refused, {refusal.code} {refusal.value}"
    if not (number.isascii() and number.isdigit()):
        yield f"{number or text} is not a number: use digits only"
        return
    for carrier in snapshot.carriers.values():
        other = normalise(text, carrier.numbers.strip)
        rule = snapshot.numbers.match(other) if other != number else None
        if rule is not None:
            name = carrier.name
            yield f"from carrier {name} it is {other}, which {rule.place} matches (try --carrier {name})"
            return
    nearest = snapshot.numbers.nearest(number)
    if nearest is not None:
        yield f"nearest: {nearest.place}: {nearest.kind} {nearest.pattern} of {', '.join(nearest.projects)}"
