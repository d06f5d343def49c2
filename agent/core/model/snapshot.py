# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole configuration at one instant; running calls keep the one they began with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from agent.core.frozen import NOTHING
from agent.core.model.carriers import Carrier
from agent.core.model.node import Agent
from agent.core.model.project import Project
from agent.core.number_map import NumberMap
from agent.core.units import ip, unmapped

_SOURCES_KNOWN: Final = 1024


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
class Written:
    """Where the values of one file stand, packed: a configuration may have five hundred files.

    Attributes:
        file: its path, as mistakes call it.
        packed: a line for each key: its dotted path, its line, and the reference that stands there, if any;
            tabs between them.
    """

    file: str
    packed: str

    def places(self) -> dict[str, tuple[int, str]]:
        """By dotted path the line, and the reference (``${env:NAME}``) or nothing."""
        found = {}
        for each in self.packed.splitlines():
            path, line, reference = each.split("\t")
            found[path] = int(line), reference
        return found


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Validated and resolved configuration.

    Attributes:
        agent: agent.yaml.
        carriers: carriers.yaml, by name.
        unknown_source: what becomes of a packet from no carrier's source.
        projects: projects/*.yaml, by project name.
        numbers: numbers/*.yaml and numbers/*.csv.
        fingerprint: SHA-256 (hex) over all of it; equal means nothing changed.
        shared: the same over carriers, projects and numbers, which all nodes of a fleet have alike.
        certificates: by the key that names their files: ``sip.tls``, ``http.tls``.
        instance: which of several agents of this folder it is for, from 1; 0: the only one.
        written: where values stand, by ``agent``, ``carriers`` and ``project NAME``.
    """

    agent: Agent
    carriers: Mapping[str, Carrier]
    unknown_source: Literal["drop", "reject"]
    projects: Mapping[str, Project]
    numbers: NumberMap
    fingerprint: str
    shared: str = ""
    certificates: Mapping[str, Certificate] = NOTHING
    instance: int = 0
    written: Mapping[str, Written] = field(default=NOTHING, compare=False, repr=False)
    _known: dict[str, Carrier | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def shared_shown(self) -> str:
        """`shared` as people compare it: its first 12 digits, from which no secret is guessed."""
        return self.shared[:12]

    @property
    def token_headers(self) -> frozenset[str]:
        """Lower-case names of the headers in which carriers send connector tokens."""
        return frozenset(one.token_header.lower() for one in self.carriers.values() if one.token_header)

    def carrier_at(self, source: str) -> Carrier | None:
        """The carrier whose narrowest network holds the address `source`; the same few come with every call.

        Raises:
            ValueError: it is no address.
        """
        try:
            return self._known[source]
        except KeyError:
            if len(self._known) >= _SOURCES_KNOWN:
                self._known.clear()
            found = self._known[source] = self._narrowest(source)
            return found

    def _narrowest(self, source: str) -> Carrier | None:
        address = unmapped(ip(source))
        found = [
            (network.prefixlen, carrier)
            for carrier in self.carriers.values()
            for network in carrier.sources
            if network.version == address.version and address in network
        ]
        return max(found, key=lambda pair: pair[0])[1] if found else None
