# SPDX-License-Identifier: GPL-3.0-or-later
"""What a new configuration changes: numbers that move, appear or go, and what needs a restart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from agent.core.model import Snapshot
from agent.core.numbers import Kind, NumberMap, NumberRule, parse_pattern

RESTART = ("node", "sip", "media", "http", "dns", "storage")
"""Keys of agent.yaml that are read once, at start."""


@dataclass(frozen=True, slots=True)
class NumberMove:
    """A number, range or prefix that other projects take from now on."""

    pattern: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """Names that were added, removed, or whose content changed."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference of two snapshots.

    Attributes:
        appeared: patterns that nothing took before.
        gone: patterns that nothing takes any more.
        moved: patterns that other projects take.
        relabelled: patterns with other labels and the same projects.
        shadowed: (pattern, by): rules of which a new, more specific rule takes a part.
        projects: names of projects.
        carriers: names of carriers.
        restart: dotted keys of agent.yaml that changed and take effect only at the next start.
        agent: the other dotted keys of agent.yaml that changed.
        unknown_source: whether the answer to unknown sources changed.
    """

    appeared: tuple[str, ...]
    gone: tuple[str, ...]
    moved: tuple[NumberMove, ...]
    relabelled: tuple[str, ...]
    shadowed: tuple[tuple[str, str], ...]
    projects: Names
    carriers: Names
    restart: tuple[str, ...]
    agent: tuple[str, ...]
    unknown_source: bool

    def lines(self) -> Iterator[str]:
        """The changes in words, one a line; none when nothing changed."""
        yield from (f"number {pattern} appears" for pattern in self.appeared)
        yield from (f"number {pattern} goes" for pattern in self.gone)
        for move in self.moved:
            yield f"number {move.pattern} moves from {', '.join(move.before)} to {', '.join(move.after)}"
        yield from (f"number {pattern} has other labels" for pattern in self.relabelled)
        yield from (f"number {pattern} is shadowed in part by {other}" for pattern, other in self.shadowed)
        for what, names in (("project", self.projects), ("carrier", self.carriers)):
            yield from (f"{what} {name} is new" for name in names.added)
            yield from (f"{what} {name} goes" for name in names.removed)
            yield from (f"{what} {name} changes" for name in names.changed)
        if self.unknown_source:
            yield "unknown_source changes"
        yield from (f"{key} changes" for key in self.agent)
        yield from (f"{key} changes at the next start" for key in self.restart)


def changes(old: Snapshot, new: Snapshot) -> Changes:
    """What takes effect when ``new`` replaces ``old``."""
    before, after = _by_pattern(old.numbers), _by_pattern(new.numbers)
    new_patterns = after.keys() - before.keys()
    appeared, gone, moved, shadowed = [], [], [], []
    for pattern in sorted(before.keys() | after.keys()):
        was = before.get(pattern) or _covering(old.numbers, pattern)
        now = after.get(pattern) or _covering(new.numbers, pattern)
        if was is None:
            appeared.append(pattern)
        elif now is None:
            gone.append(pattern)
        elif was.projects != now.projects:
            moved.append(NumberMove(pattern, was.projects, now.projects))
        hidden = _covering(new.numbers, pattern) if pattern in new_patterns else None
        if hidden is not None:
            shadowed.append((hidden.pattern, pattern))
    keys = tuple(_differing(old.agent, new.agent))
    return Changes(
        appeared=tuple(appeared),
        gone=tuple(gone),
        moved=tuple(moved),
        relabelled=tuple(
            sorted(
                pattern
                for pattern in before.keys() & after.keys()
                if before[pattern].labels != after[pattern].labels
                and before[pattern].projects == after[pattern].projects
            )
        ),
        shadowed=tuple(shadowed),
        projects=_names(old.projects, new.projects),
        carriers=_names(old.carriers, new.carriers),
        restart=tuple(key for key in keys if key.partition(".")[0] in RESTART),
        agent=tuple(key for key in keys if key.partition(".")[0] not in RESTART),
        unknown_source=old.unknown_source != new.unknown_source,
    )


def _by_pattern(numbers: NumberMap) -> dict[str, NumberRule]:
    return {rule.pattern: rule for rule in numbers}


def _covering(numbers: NumberMap, text: str) -> NumberRule | None:
    """The most specific rule, other than one for ``text`` itself, that covers all of it."""
    pattern = parse_pattern(text)
    for rule in numbers.matches(pattern.low):
        other = parse_pattern(rule.pattern)
        if other == pattern or other.kind is Kind.EXACT:
            continue
        if other.kind is Kind.PREFIX:
            whole = pattern.low.startswith(other.low) and pattern.high.startswith(other.low)
        else:
            whole = pattern.kind is not Kind.PREFIX and pattern.high <= other.high
        if whole:
            return rule
    return None


def _names(old: Mapping[str, object], new: Mapping[str, object]) -> Names:
    return Names(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(sorted(name for name in old.keys() & new.keys() if old[name] != new[name])),
    )


def _differing(old: BaseModel, new: BaseModel, stem: str = "") -> Iterator[str]:
    for name in type(old).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            yield from _differing(before, after, f"{stem}{name}.")
        else:
            yield f"{stem}{name}"
