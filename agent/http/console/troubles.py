# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the node, the gravest first, each in words and with what helps."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from agent.http.overview import Overview, TargetSight
from agent.http.ports import ReloadAnswer

_SIGNALS: Final = "/console/signals"
_CONFIGURATION: Final = "/console/configuration"
_UNKNOWN: Final = "unknown"
# Of a contact that is gone nobody waits for the signal: the caller has hung up.
_NOT_LOST: Final = frozenset({"accepted", "cancelled", "unknown_contact", _UNKNOWN})


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong.

    Attributes:
        kind: ``bad``: calls or signals suffer now; ``warn``: they will, or somebody has to look.
        text: what is wrong, in words.
        page: the page that shows more; empty for none.
        link: what its link says.
        command: what to type; empty for nothing.
    """

    kind: Literal["bad", "warn"]
    text: str
    page: str = ""
    link: str = ""
    command: str = ""


def troubles(
    seen: Overview, alarms: Sequence[Mapping[str, Any]], kept_out: ReloadAnswer | None
) -> list[Trouble]:
    """What is wrong.

    Args:
        seen: the node.
        alarms: as the desk gives them.
        kept_out: the last reload, when it left what is on disk out of force.
    """
    found = [
        *_of_state(seen),
        *_of_targets(seen.targets),
        *map(_of_alarm, alarms),
        *_of_reload(kept_out),
        *_of_signals(seen),
        *_of_rest(seen),
    ]
    return sorted(found, key=lambda trouble: trouble.kind != "bad")


def _of_state(seen: Overview) -> Iterator[Trouble]:
    match seen.state:
        case "ready":
            return
        case "draining":
            yield Trouble(
                "warn",
                f"The node takes no new calls: {seen.reason}. {seen.calls} are up still.",
                "/#draining",
                "take calls again",
            )
        case "full":
            yield Trouble(
                "bad",
                f"The node is full: {seen.reason}; more are refused with 503.",
                _CONFIGURATION,
                "limits.calls",
            )
        case "faulty":
            yield Trouble("bad", f"New calls are refused: {seen.reason}.", command="handoff-agent doctor")
        case _:
            yield Trouble("bad" if not seen.ready else "warn", f"The node is {seen.state}: {seen.reason}.")


def _of_targets(targets: Sequence[TargetSight]) -> Iterator[Trouble]:
    by_project: defaultdict[str, list[TargetSight]] = defaultdict(list)
    for target in targets:
        by_project[target.project].append(target)
    for project, its in by_project.items():
        down = [target.uri for target in its if target.up is False]
        command = f"handoff-agent doctor --project {project}"
        if len(down) == len(its):
            text = f"No voice agent of {project} answers its probes: {', '.join(down)}."
            yield Trouble("bad", text, command=command)
        elif down:
            do = "does" if len(down) == 1 else "do"
            text = f"{len(down)} of {len(its)} voice agents of {project} {do} not answer: {', '.join(down)}."
            yield Trouble("warn", text, command=command)


def _of_alarm(alarm: Mapping[str, Any]) -> Trouble:
    project = alarm.get("project")
    if project:
        text = f"Signals of {project} do not get through: {alarm['text']}"
        return Trouble(
            "bad",
            text,
            f"{_SIGNALS}?project={project}",
            "its signals",
            f"handoff-agent doctor --project {project}",
        )
    expired = alarm.get("error") == "certificate_expired"
    return Trouble("bad" if expired else "warn", str(alarm["text"]), _CONFIGURATION, "configuration")


def _of_reload(kept_out: ReloadAnswer | None) -> Iterator[Trouble]:
    if kept_out is None:
        return
    if kept_out.result == "held":
        text = f"The edited configuration waits to be confirmed: {kept_out.mistakes[0]}"
        yield Trouble("warn", text, _CONFIGURATION, "confirm it there", "handoff-agent reload --yes")
        return
    if kept_out.result == "back":
        text = f"The configuration before the last one is in force again: {kept_out.mistakes[0]}"
        yield Trouble("warn", text, _CONFIGURATION, "configuration", "handoff-agent rollout")
        return
    count = len(kept_out.mistakes)
    text = f"The edited configuration was refused for {count} mistake{'s' if count != 1 else ''}; "
    yield Trouble(
        "warn",
        text + "the one before it stays in force.",
        _CONFIGURATION,
        "the mistakes",
        "handoff-agent check",
    )


def _of_signals(seen: Overview) -> Iterator[Trouble]:
    unknown = sum(project.signals.get(_UNKNOWN, 0) for project in seen.projects)
    if unknown:
        yield Trouble(
            "warn",
            f"Of {unknown} signals since the start nobody knows whether NICE took them.",
            f"{_SIGNALS}?state={_UNKNOWN}",
            "look at them",
            "handoff-agent signals list --state unknown",
        )
    yield from _of_lost(seen)
    if seen.owed:
        text = f"{seen.owed} moments of calls wait in memory, since the storage takes nothing."
        yield Trouble("bad", text)


def _of_lost(seen: Overview) -> Iterator[Trouble]:
    lost: Counter[str] = Counter()
    for project in seen.projects:
        for outcome, count in project.signals.items():
            if outcome not in _NOT_LOST:
                lost["expired" if outcome == "expired" else "refused"] += count
    count = lost.total()
    if count:
        state = lost.most_common(1)[0][0]
        text = f"{count} signal{'s' if count != 1 else ''} since the start did not get through: "
        yield Trouble(
            "warn",
            text + "NICE refused them, or their time was over.",
            f"{_SIGNALS}?state={state}",
            "look at them",
            f"handoff-agent signals list --state {state}",
        )


def _of_rest(seen: Overview) -> Iterator[Trouble]:
    if seen.restart:
        keys = ", ".join(seen.restart)
        yield Trouble("warn", f"Waits for the next start: {keys}.", _CONFIGURATION, "configuration")
    if seen.dropped:
        yield Trouble("warn", f"{seen.dropped} lines of the log were lost: their reader is too slow.")
