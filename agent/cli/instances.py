# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of several agents of one folder is meant, and what each of them is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from agent.core.errors import AgentError
from agent.core.instances import overlay
from agent.core.model import Agent
from agent.core.model.instances import Instances
from agent.settings.paths import with_absolute_paths


def number(text: str) -> int:
    """The number that ``--instance`` names; 0 for none, as ``%i`` is in a unit that is no template.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and int(text[:9]) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is no instance: write a number from 1")
    return int(text)


def require_one(instances: Instances | None, asked: int, file: Path | str) -> None:
    """Hold a command that is about one agent to naming it.

    Raises:
        AgentError: agent.yaml has instances, and none is named.
    """
    if instances is not None and not asked:
        raise AgentError(f"{file} has {_counted(instances)}: say which with --instance N")


def described(agent: Agent, folder: Path) -> list[dict[str, str]]:
    """What each instance is: its name, where it listens and records; nothing where there are none."""
    count = agent.instances.count if agent.instances is not None else 0
    return [_one(with_absolute_paths(overlay(agent, each), folder)) for each in range(1, count + 1)]


def lines(found: list[dict[str, str]]) -> Iterator[str]:
    """The same in words, one a line."""
    for each, one in enumerate(found, 1):
        what = ", ".join(f"{key} {value}" for key, value in one.items() if key != "node")
        yield f"instance {each}: {one['node']}, {what}"


def _one(agent: Agent) -> dict[str, str]:
    found = {
        "node": agent.node,
        "sip": " ".join(map(str, agent.sip.listen)),
        "rtp": str(agent.media.rtp_ports),
        "api": str(agent.http.api),
        "operations": str(agent.http.operations),
    }
    return found | ({"storage": str(agent.database)} if agent.database is not None else {})


def _counted(instances: Instances) -> str:
    return f"instances: {{count: {instances.count}}}"
