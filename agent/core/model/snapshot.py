# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole configuration at one instant; running calls keep the one they began with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agent.core.frozen import NOTHING
from agent.core.model.carriers import Carrier
from agent.core.model.node import Agent
from agent.core.model.project import Project
from agent.core.number_map import NumberMap


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is known of a listener's certificate.

    Attributes:
        until: when it expires, in seconds since the epoch.
        digest: SHA-256 (hex) over its files; another one means that it was renewed.
    """

    until: float
    digest: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Validated and resolved configuration.

    Attributes:
        agent: agent.yaml.
        carriers: carriers.yaml, by name.
        unknown_source: what becomes of a packet from no carrier's source.
        projects: projects/*.yaml, by project name.
        numbers: numbers/*.yaml.
        fingerprint: SHA-256 (hex) over all of it; equal means nothing changed.
        certificates: by the key that names their files: ``sip.tls``, ``http.tls``.
    """

    agent: Agent
    carriers: Mapping[str, Carrier]
    unknown_source: Literal["drop", "reject"]
    projects: Mapping[str, Project]
    numbers: NumberMap
    fingerprint: str
    certificates: Mapping[str, Certificate] = NOTHING
