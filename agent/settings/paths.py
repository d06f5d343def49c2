# SPDX-License-Identifier: GPL-3.0-or-later
"""Relative paths in the configuration start at its folder, wherever the agent was started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from agent.core.model import Agent, Project

NodeOrProject = TypeVar("NodeOrProject", Agent, Project)


def with_absolute_paths(model: NodeOrProject, folder: Path) -> NodeOrProject:
    """The same model with each path made absolute."""
    return _project(model, folder) if isinstance(model, Project) else _agent(model, folder)


def _agent(agent: Agent, folder: Path) -> Agent:
    changed: dict[str, object] = {}
    if agent.database is not None:
        changed["storage"] = f"sqlite://{_absolute(folder, agent.database)}"
    if agent.log.file is not None:
        changed["log"] = agent.log.model_copy(update={"file": _absolute(folder, agent.log.file)})
    if agent.audit is not None:
        changed["audit"] = _absolute(folder, agent.audit)
    if agent.capture is not None:
        folder_of = _absolute(folder, agent.capture.folder)
        changed["capture"] = agent.capture.model_copy(update={"folder": folder_of})
    tls = agent.sip.tls
    if tls is not None:
        files = {
            "certificate": _absolute(folder, tls.certificate),
            "private_key": _absolute(folder, tls.private_key),
            "ca": _absolute(folder, tls.ca) if tls.ca else None,
        }
        changed["sip"] = agent.sip.model_copy(update={"tls": tls.model_copy(update=files)})
    api = agent.http.tls
    if api is not None:
        files = {
            "certificate": _absolute(folder, api.certificate),
            "private_key": _absolute(folder, api.private_key),
        }
        changed["http"] = agent.http.model_copy(update={"tls": api.model_copy(update=files)})
    if agent.records is not None:
        folder_of_records = _absolute(folder, agent.records.folder)
        changed["records"] = agent.records.model_copy(update={"folder": folder_of_records})
    return agent.model_copy(update=changed)


def _project(project: Project, folder: Path) -> Project:
    audio = project.handoff.comfort_audio
    if audio in ("tone", "silence"):
        return project
    handoff = project.handoff.model_copy(update={"comfort_audio": str(_absolute(folder, Path(audio)))})
    return project.model_copy(update={"handoff": handoff})


def _absolute(folder: Path, path: Path) -> Path:
    return Path(os.path.normpath(folder / path))
