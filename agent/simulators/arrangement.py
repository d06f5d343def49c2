# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration for a rehearsal: the user's own, or a copy of it that differs in what is to be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from agent.core.errors import AgentError
from agent.core.hosts import loopback
from agent.core.model import Project, Snapshot
from agent.core.records import Way
from agent.simulators.combination import Combination

QUEUE: Final = "sip:queue@127.0.0.1:5075"
"""Where the human queue listens when the project names no place on this machine."""

# Longer than the pauses between two sentences of the prompt.
_FINISH_PROMPT: Final = {"silence": "600ms", "at_most": "8s"}
_CODECS: Final = ("PCMU", "PCMA")
"""With the first of them everywhere nothing is transcoded: what is heard can be known again."""


def arranged(folder: Path, snapshot: Snapshot, project: Project, shown: Combination, copy: Path) -> Path:
    """The folder whose configuration hands off as `shown`.

    Args:
        folder: the user's, which is never written to.
        snapshot: what it says.
        project: the project that is called.
        shown: the handoff that it must carry out.
        copy: where a folder is made when it must differ. What does not is a link to the user's file.

    Returns:
        `folder` where it says just that already, else `copy`.

    Raises:
        AgentError: the project's file is not to be found.
    """
    changed: dict[Path, dict[str, Any]] = {}
    handoff = _handoff(project, shown)
    if handoff:
        file, document = _project_file(folder, project.project)
        kept = {name: value for name, value in (document.get("handoff") or {}).items() if name not in handoff}
        new = {name: value for name, value in handoff.items() if value is not None}
        changed[file] = {**document, "handoff": {**kept, **new}}
    node = Path("agent.yaml")
    if snapshot.agent.media.codecs[0].upper() != _CODECS[0]:
        document = _document(folder / node)
        changed[node] = {**document, "media": {**(document.get("media") or {}), "codecs": list(_CODECS)}}
    http = snapshot.agent.http
    if http.operations_auth is not None:  # the demo asks it, and may know no token
        document = changed.get(node) or _document(folder / node)
        kept = {name: value for name, value in document["http"].items() if name != "operations_auth"}
        changed[node] = {**document, "http": {**kept, "operations": f"127.0.0.1:{http.operations.port}"}}
    if snapshot.agent.instances is not None:  # the demo has one agent, which has all ports
        document = changed.get(node) or _document(folder / node)
        changed[node] = {
            name: value for name, value in document.items() if name not in ("instances", "fleet")
        }
    if not changed:
        return folder
    if snapshot.agent.database is not None:  # a relative path would lead elsewhere from the copy
        document = changed.get(node) or _document(folder / node)
        changed[node] = {**document, "storage": f"sqlite://{snapshot.agent.database}"}
    _mirror(folder, copy, changed)
    return copy


def queue_of(project: Project) -> str:
    """Where the human queue of a rehearsal listens: the first target on this machine."""
    here = (one for one in project.handoff.all_targets if loopback(one.address.host))
    return next((one.uri for one in here), QUEUE)


def _handoff(project: Project, shown: Combination) -> dict[str, Any]:
    """What must be set in the project's handoff and is not yet; None: must not be set."""
    settings = project.handoff
    wanted: dict[str, Any] = {}
    if settings.method != shown.back:
        wanted["method"] = str(shown.back)
    failure = shown.on_signal_failure
    if failure is not None and settings.on_signal_failure != failure:
        wanted["on_signal_failure"] = str(failure)
    if shown.finish_prompt and settings.finish_prompt is None:
        wanted["finish_prompt"] = _FINISH_PROMPT
    if shown.refers or shown.bridges or shown.back.needs_target:
        queue = queue_of(project)
        if [one.uri for one in settings.all_targets] != [queue]:
            wanted |= {"target": queue, "targets": None}
    if shown.ask in (Way.REFER, Way.BYE) and "headers" in settings.model_fields_set:
        wanted["headers"] = None
    return wanted


def _project_file(folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    for path in sorted(folder.glob("projects/*.y*ml")):
        document = _document(path)
        if document.get("project") == name:
            return path.relative_to(folder), document
    raise AgentError(f"project {name} is in no file of {folder / 'projects'}")


def _document(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    return document if isinstance(document, dict) else {}


def _mirror(folder: Path, copy: Path, changed: dict[Path, dict[str, Any]]) -> None:
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if not path.is_file():
            continue
        place = copy / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name in changed:
            place.write_text(yaml.safe_dump(changed[name], sort_keys=False, allow_unicode=True))
        else:
            place.symlink_to(path.absolute())
