# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration may say that this version does not do yet; nobody should find out from a caller."""

from __future__ import annotations

from collections.abc import Iterator

from agent.core.model import Project, Snapshot


def not_served(snapshot: Snapshot) -> tuple[str, ...]:
    """One line for each setting that has no effect yet, and what happens instead."""
    return tuple(line for project in snapshot.projects.values() for line in _of(project))


def _of(project: Project) -> Iterator[str]:
    where = f"project {project.project}"
    if project.voice_agent.probe is not None:
        yield f"{where}: voice_agent.probe is not served yet, targets are tried in their order"
