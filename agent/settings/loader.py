# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of YAML files into one validated snapshot, or all the mistakes in it at once."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from agent.core.conflicts import find_conflicts
from agent.core.frozen import NOTHING, FrozenDict
from agent.core.instances import missing, objections, overlay
from agent.core.model import Agent, Carriers, Certificate, Project, Snapshot
from agent.core.number_map import NumberMap
from agent.core.numbers import NumberRule, Pattern
from agent.settings import checks
from agent.settings.document import Document, read
from agent.settings.fingerprint import fingerprint, shared_fingerprint
from agent.settings.map_files import NO_EDIT, YAML, Edit, Told, listed, read_maps
from agent.settings.maps import unknown_projects
from agent.settings.mistakes import Mistake, Mistakes
from agent.settings.paths import with_absolute_paths
from agent.settings.places import written
from agent.settings.references import References
from agent.settings.validation import validate
from agent.settings.values import PathOf, values

ModelOf = TypeVar("ModelOf", bound=BaseModel)


def load(
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    in_force: Mapping[str, Certificate] = NOTHING,
    edit: Edit = NO_EDIT,
    told: Told | None = None,
    instance: int = 0,
) -> Snapshot:
    """Read the configuration in ``folder``. Blocks: not for the loop of a running agent.

    Args:
        folder: holds agent.yaml, carriers.yaml, projects/*.yaml and numbers/*.yaml. Relative paths in these
            files start here.
        environment: what ``${env:…}`` is looked up in; the process's own when None.
        in_force: certificates that are in use; that one of them has expired is no mistake.
        edit: number maps that are read instead of files, or beside them.
        told: is told what is being done, and which share of it is done.
        instance: for which of `instances` in agent.yaml it is, from 1; 0: as agent.yaml stands.

    Raises:
        Mistakes: something is wrong; all that is known to be wrong is in it.
    """
    references = References(folder.absolute(), os.environ if environment is None else environment)
    reading = _Reading(folder, references, in_force, edit, told or _told_nobody, instance)
    with _without_collector():
        return reading.snapshot()


def _told_nobody(_what: str, _share: float) -> None:
    return


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the cyclic collector off: it would walk the nodes of a large map again and again in vain."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(slots=True)
class _Reading:
    folder: Path
    references: References
    in_force: Mapping[str, Certificate]
    edit: Edit
    told: Told
    instance: int
    mistakes: list[Mistake] = field(default_factory=list)
    names_known: bool = True

    def snapshot(self) -> Snapshot:
        if not self.folder.is_dir():
            raise Mistakes(
                [Mistake(str(self.folder), 1, 1, "there is no such folder: name one with --config")]
            )
        agent = self._one("agent.yaml", Agent)
        carriers = self._one("carriers.yaml", Carriers)
        projects = self._projects()
        rules = self._numbers(
            [project.model for project in projects if project.model], {p.name for p in projects}
        )
        self.mistakes += checks.across(carriers, projects)
        certificates = self._certificates(agent)
        self._instances(agent)
        if (
            self.mistakes
            or agent is None
            or carriers is None
            or agent.model is None
            or carriers.model is None
        ):
            raise Mistakes(self.mistakes)
        folder = self.references.folder
        ours = overlay(agent.model, self.instance) if self.instance else agent.model
        node = with_absolute_paths(ours, folder)
        by_name = FrozenDict({p.name: with_absolute_paths(p.model, folder) for p in projects if p.model})
        documents = {"agent": agent.document, "carriers": carriers.document}
        documents |= {f"project {p.name}": p.document for p in projects}
        self.told("laying the rules out", 0.0)
        as_written = {p.name: p.model for p in projects if p.model is not None}
        shared = shared_fingerprint(carriers.model, as_written, [rule for rule, _ in rules])
        return Snapshot(
            agent=node,
            carriers=carriers.model.carriers,
            unknown_source=carriers.model.unknown_source,
            projects=by_name,
            numbers=NumberMap.of(rules),
            fingerprint=fingerprint(node, shared, certificates),
            shared=shared,
            certificates=FrozenDict(certificates),
            instance=self.instance,
            written=FrozenDict({name: written(document) for name, document in documents.items()}),
        )

    def _certificates(self, agent: checks.Checked[Agent] | None) -> dict[str, Certificate]:
        """Those that agent.yaml names, with what is wrong with them and with other files that it names."""
        if agent is None or agent.model is None:
            return {}
        certificates, mistakes = checks.certificates(agent, agent.model, self.in_force)
        self.mistakes += mistakes
        self.mistakes += checks.outside(agent, agent.model)
        return certificates

    def _instances(self, agent: checks.Checked[Agent] | None) -> None:
        """Look whether all of them can run side by side, and whether the one that is asked for is there."""
        if agent is None or agent.model is None:
            return
        self.mistakes += [agent.mistake(one.text, *one.path) for one in objections(agent.model)]
        fault = missing(agent.model.instances, self.instance) if self.instance else None
        if fault is not None:
            self.mistakes.append(agent.mistake(fault, "instances", "count"))

    def _one(self, name: str, model: type[ModelOf]) -> checks.Checked[ModelOf] | None:
        document = read(self.folder / name, str(self.folder / name))
        if isinstance(document, Mistake):
            self.mistakes.append(document)
            return None
        return self._checked(document, model)

    def _checked(self, document: Document, model: type[ModelOf]) -> checks.Checked[ModelOf]:
        plain, mistakes, spoiled = values(document, self.references)
        self.mistakes += mistakes
        hidden: list[PathOf] = []
        if model is Carriers:
            hidden = self._written_names(document, plain)
        made, mistakes = validate(model, document, plain, [*spoiled, *hidden])
        self.mistakes += mistakes
        return checks.Checked(document, made, str(plain.get("project", "")))

    def _written_names(self, document: Document, plain: Mapping[str, object]) -> list[PathOf]:
        """A carrier's name is its key; one written a second time could only contradict it."""
        carriers = plain.get("carriers")
        found: list[PathOf] = []
        for key, carrier in carriers.items() if isinstance(carriers, dict) else ():
            if isinstance(carrier, dict) and "name" in carrier:
                path: PathOf = ("carriers", key, "name")
                text = "unknown key 'name': the carrier's name is the key above"
                self.mistakes.append(document.mistake(document.at(path, key=True), text))
                found.append(path)
        return found

    def _projects(self) -> list[checks.Checked[Project]]:
        found = []
        paths, mistakes = listed(self.folder / "projects", "project", (YAML,))
        self.mistakes += mistakes
        self.names_known = bool(paths)
        for path in paths:
            document = read(path, str(path))
            if isinstance(document, Mistake):
                self.mistakes.append(document)
                self.names_known = False
                continue
            found.append(self._checked(document, Project))
            self.names_known = self.names_known and bool(found[-1].name)
        return found

    def _numbers(self, projects: list[Project], names: set[str]) -> tuple[tuple[NumberRule, Pattern], ...]:
        reader = read_maps(self.folder, self.edit, self.told)
        self.mistakes += reader.mistakes
        self.told("looking for conflicts", 0.0)
        report = find_conflicts([(entry.rule, entry.pattern) for entry in reader.entries])
        self.mistakes += [
            reader.entries[conflict.index].mistake(conflict.text) for conflict in report.conflicts
        ]
        if self.names_known:
            self.mistakes += unknown_projects(reader.entries, names)
        self.mistakes += checks.same_tokens(
            reader.entries, {project.project: project for project in projects}
        )
        return report.read
