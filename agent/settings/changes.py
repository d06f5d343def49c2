# SPDX-License-Identifier: GPL-3.0-or-later
"""What a new configuration changes: numbers that move, appear or go, and what needs a restart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from pydantic import BaseModel

from agent.core.frozen import NOTHING, FrozenDict
from agent.core.model import Agent, Snapshot
from agent.core.model.access import objection
from agent.core.number_map import NumberMap
from agent.core.numbers import Kind, NumberRule, parse_pattern

RESTART = ("node", "sip", "media", "http", "dns", "storage", "audit", "records", "instances")
"""Keys of agent.yaml that are read once, at start."""
_LOG_IN = "http.operations_auth"
_PROXIES = "sip.trusted_proxies"
MOST_TOLD = 20
"""Numbers that are named in a summary, of each sort of change."""


@dataclass(frozen=True, slots=True)
class NumberMove:
    """A number, range or prefix that other projects take from now on."""

    pattern: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """Names that were added, removed, or whose content changed; ``fields`` says what of each."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many."""
        return len(self.added) + len(self.removed) + len(self.changed)

    def lines(self, what: str) -> Iterator[str]:
        """The changes in words, one a line."""
        yield from (f"{what} {name} is new" for name in self.added)
        yield from (f"{what} {name} goes" for name in self.removed)
        for name in self.changed:
            fields = self.fields[name]
            yield f"{what} {name}: {', '.join(fields)} {'changes' if len(fields) == 1 else 'change'}"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a running agent needs to know of `Changes`, however many numbers they are.

    Attributes:
        lines: the changes in words; of numbers only the first ones are named.
        restart: as in `Changes`.
        before: rules that the old map has.
        renewed: as in `Changes`.
        lost: by how many rules fewer would be left of the old map's numbers, those that appear set off.
        counts: how much there is of each sort of change that there is.
    """

    lines: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    before: int = 0
    lost: int = 0
    renewed: tuple[str, ...] = ()
    counts: Mapping[str, int] = NOTHING


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
        renewed: keys that name certificates whose files hold others now.
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
    renewed: tuple[str, ...] = ()

    def lines(self, most: int | None = None) -> Iterator[str]:
        """The changes in words, one a line, if any. ``most``: numbers named of each sort of change."""
        moves = (
            f"number {move.pattern} moves from {', '.join(move.before)} to {', '.join(move.after)}"
            for move in self.moved
        )
        labels = (f"number {pattern} has other labels" for pattern in self.relabelled)
        shadows = (f"number {pattern} is shadowed in part by {other}" for pattern, other in self.shadowed)
        yield from _first((f"number {pattern} appears" for pattern in self.appeared), most, "appear")
        yield from _first((f"number {pattern} goes" for pattern in self.gone), most, "go")
        yield from _first(moves, most, "move")
        yield from _first(labels, most, "have other labels")
        yield from _first(shadows, most, "are shadowed in part")
        yield from self.projects.lines("project")
        yield from self.carriers.lines("carrier")
        if self.unknown_source:
            yield "unknown_source changes"
        yield from (f"{key}: its certificate was renewed" for key in self.renewed)
        yield from (f"{key} changes" for key in self.agent)
        yield from (f"{key} changes at the next start" for key in self.restart)

    @property
    def counts(self) -> Mapping[str, int]:
        """How much there is of each sort of change that there is, numbers by what becomes of them."""
        found = {
            "appear": len(self.appeared),
            "go": len(self.gone),
            "move": len(self.moved),
            "have_other_labels": len(self.relabelled),
            "shadowed_in_part": len(self.shadowed),
            "projects": self.projects.count,
            "carriers": self.carriers.count + self.unknown_source,
            "settings": len(self.agent) + len(self.renewed),
            "at_the_next_start": len(self.restart),
        }
        return FrozenDict({what: count for what, count in found.items() if count})

    def summary(self, before: int, most: int = MOST_TOLD) -> Summary:
        """The same in short; ``before`` is how many rules the old map has, ``most`` as in `lines`."""
        return Summary(
            lines=tuple(self.lines(most)),
            counts=self.counts,
            restart=self.restart,
            before=before,
            renewed=self.renewed,
            lost=max(0, len(self.gone) - len(self.appeared)),
        )


def _first(lines: Iterator[str], most: int | None, what: str) -> Iterator[str]:
    yield from islice(lines, most)
    more = sum(1 for _ in lines)
    if more:
        yield f"{more} more numbers {what}"


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
    restart = restart_needed(old.agent, new.agent)
    return Changes(
        appeared=tuple(appeared),
        gone=tuple(gone),
        moved=tuple(moved),
        relabelled=_relabelled(before, after),
        shadowed=tuple(shadowed),
        projects=_names(old.projects, new.projects),
        carriers=_names(old.carriers, new.carriers),
        restart=restart,
        agent=tuple(key for key in keys if key not in restart),
        unknown_source=old.unknown_source != new.unknown_source,
        renewed=tuple(
            key
            for key, known in sorted(new.certificates.items())
            if key in old.certificates and known.digest != old.certificates[key].digest
        ),
    )


def _relabelled(before: Mapping[str, NumberRule], after: Mapping[str, NumberRule]) -> tuple[str, ...]:
    """Patterns that the same projects take, with other labels."""
    both = ((pattern, before[pattern], after[pattern]) for pattern in sorted(before.keys() & after.keys()))
    return tuple(
        pattern for pattern, was, now in both if was.labels != now.labels and was.projects == now.projects
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


def _names(old: Mapping[str, BaseModel], new: Mapping[str, BaseModel]) -> Names:
    changed = tuple(sorted(name for name in old.keys() & new.keys() if old[name] != new[name]))
    return Names(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=changed,
        fields={name: tuple(_differing(old[name], new[name])) for name in changed},
    )


def restart_needed(running: Agent, wanted: Agent) -> tuple[str, ...]:
    """Dotted keys of agent.yaml that take effect only at the next start.

    Who may ask for operations is none of them, so that a token that got lost is of no use from now on. But
    nobody takes the log-in away from a listener that others reach. Proxies come and go freely.
    """
    log_in_goes = objection(running.http.operations, wanted.http.operations_auth) is not None
    return tuple(
        key
        for key in _differing(running, wanted)
        if key.partition(".")[0] in RESTART
        and key != _PROXIES
        and (log_in_goes or not key.startswith(_LOG_IN))
    )


def as_it_runs(running: Agent, wanted: Agent) -> Agent:
    """``wanted``, with what takes effect only at the next start as the process runs with it."""
    http = running.http
    if objection(http.operations, wanted.http.operations_auth) is None:
        http = http.model_copy(update={"operations_auth": wanted.http.operations_auth})
    kept = {key: getattr(running, key) for key in RESTART}
    sip = running.sip.model_copy(update={"trusted_proxies": wanted.sip.trusted_proxies})
    return wanted.model_copy(update={**kept, "http": http, "sip": sip})


def _differing(old: object, new: object, stem: str = "") -> Iterator[str]:
    """Dotted names of what differs within models and mappings; never a value, since it may be a secret."""
    for name in _parts(old) | _parts(new):
        before, after = _part(old, name), _part(new, name)
        if before == after:
            continue
        if any(isinstance(before, kind) and isinstance(after, kind) for kind in (BaseModel, Mapping)):
            yield from _differing(before, after, f"{stem}{name}.")
        else:
            yield f"{stem}{name}"


def _parts(value: object) -> dict[str, None]:
    """Names of a model's fields or a mapping's keys, in their order; none of anything else."""
    if isinstance(value, BaseModel):
        return dict.fromkeys(type(value).model_fields)
    return dict.fromkeys(map(str, value)) if isinstance(value, Mapping) else {}


def _part(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name)
