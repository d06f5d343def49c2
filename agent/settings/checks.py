# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks across files, and of the files that they name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

from agent.core.model import Agent, Carriers, Certificate, Project, Tls
from agent.settings import wav
from agent.settings.certificates import LARGEST_CERTIFICATE, examine
from agent.settings.document import Document
from agent.settings.files import read_regular
from agent.settings.maps import Entry
from agent.settings.mistakes import Mistake
from agent.settings.values import PathOf

ModelOf = TypeVar("ModelOf", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Checked(Generic[ModelOf]):
    """A file, the model made of it (None if it has mistakes), and the project's name if it is one."""

    document: Document
    model: ModelOf | None
    name: str

    def mistake(self, text: str, *path: str | int) -> Mistake:
        """A mistake at ``path`` in the file."""
        return self.document.mistake(self.document.at(path), text)

    def place(self, *path: str | int) -> str:
        """``file:line`` of ``path``."""
        found = self.mistake("", *path)
        return f"{found.file}:{found.line}"


def across(carriers: Checked[Carriers] | None, projects: Iterable[Checked[Project]]) -> Iterator[Mistake]:
    """All mistakes that lie between files, besides those of number maps."""
    found = tuple(projects)
    yield from _same_names(found)
    if carriers is not None and carriers.model is not None:
        yield from _same_sources(carriers, carriers.model)
    for project in found:
        if project.model is not None:
            yield from _playable(project, project.model.handoff.comfort_audio)


def same_tokens(entries: Iterable[Entry], projects: Mapping[str, Project]) -> Iterator[Mistake]:
    """A mistake for each set of projects that share a number and can't be told apart by their tokens."""
    seen: set[tuple[str, ...]] = set()
    for entry in entries:
        names = entry.rule.projects
        if len(names) == 1 or names in seen:
            continue
        seen.add(names)
        holders: dict[str | None, str] = {}
        for name in names:
            project = projects.get(name)
            if project is None:
                continue
            token = project.token.get_secret_value() if project.token else None
            other = holders.setdefault(token, name)
            if other != name:
                what = "have no token" if token is None else "have the same token"
                yield entry.of_projects(
                    f"{other} and {name} both {what}, so a call can't tell them apart: give each its own"
                )


def _same_names(projects: tuple[Checked[Project], ...]) -> Iterator[Mistake]:
    first: dict[str, Checked[Project]] = {}
    for project in projects:
        earlier = first.setdefault(project.name, project) if project.name else project
        if earlier is not project:
            place = earlier.place("project")
            text = f"project {project.name} is there already, at {place}: give it another name"
            yield project.mistake(text, "project")


def _same_sources(checked: Checked[Carriers], carriers: Carriers) -> Iterator[Mistake]:
    first: dict[str, tuple[str, PathOf]] = {}
    for name, carrier in carriers.carriers.items():
        for index, source in enumerate(carrier.sources):
            path: PathOf = ("carriers", name, "sources", index)
            other, where = first.setdefault(str(source), (name, path))
            if where != path:
                text = f"{source} is a source of {other} already, at {checked.place(*where)}: leave one out"
                yield checked.mistake(text, *path)


def certificates(
    checked: Checked[Agent], agent: Agent, in_force: Mapping[str, Certificate]
) -> tuple[dict[str, Certificate], list[Mistake]]:
    """What is known of the listeners' certificates, and what is wrong with them.

    Those that are `in_force` already may have expired meanwhile.
    """
    known: dict[str, Certificate] = {}
    mistakes: list[Mistake] = []
    for name, tls in (("sip", agent.sip.tls), ("http", agent.http.tls)):
        if tls is None:
            continue
        ca = tls.ca if isinstance(tls, Tls) else None
        files = {"certificate": tls.certificate, "private_key": tls.private_key, **({"ca": ca} if ca else {})}
        unreadable = [m for key, path in files.items() for m in _readable(checked, path, (name, "tls", key))]
        mistakes += unreadable
        if unreadable:
            continue
        folder = Path(checked.document.file).parent
        found = examine(
            folder / tls.certificate,
            folder / tls.private_key,
            folder / ca if ca else None,
            in_force=in_force[f"{name}.tls"].digest if f"{name}.tls" in in_force else "",
        )
        if isinstance(found, Certificate):
            known[f"{name}.tls"] = found
        else:
            mistakes += (checked.mistake(fault.text, name, "tls", fault.key) for fault in found)
    return known, mistakes


def outside(checked: Checked[Agent], agent: Agent) -> Iterator[Mistake]:
    """A mistake for each thing inside the configuration folder that the agent writes to."""
    folder = Path(checked.document.file).parent.absolute()
    captures = agent.capture.folder if agent.capture else None
    written: list[tuple[PathOf, Path | None]] = [
        (("log", "file"), agent.log.file),
        (("capture", "folder"), captures),
    ]
    for path, place in written:
        if place is not None and Path(os.path.normpath(folder / place)).is_relative_to(folder):
            text = (
                "lies in the configuration folder, where each change is taken for an edit: put it elsewhere"
            )
            yield checked.mistake(f"{place} {text}", *path)


def _readable(checked: Checked[Agent], path: Path, where: PathOf) -> Iterator[Mistake]:
    found = Path(checked.document.file).parent / path
    try:
        read_regular(found, LARGEST_CERTIFICATE)
    except OSError as error:
        yield checked.mistake(f"{found} can't be read: {error.strerror}", *where)


def _playable(project: Checked[Project], audio: str) -> Iterator[Mistake]:
    if audio in ("tone", "silence"):
        return
    found = Path(project.document.file).parent.parent / audio
    try:
        objection = wav.objection(found)
    except OSError as error:
        objection = f"can't be read: {error.strerror}; write tone, silence, or the path of a WAV file"
    if objection is not None:
        yield project.mistake(f"{found} {objection}", "handoff", "comfort_audio")
