# SPDX-License-Identifier: GPL-3.0-or-later
"""Which project an ``x-api-key`` belongs to, told in constant time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from enum import Enum

from agent.core.model.keys import digest_of
from agent.core.model.project import Project


class Access(Enum):
    """What a key opens."""

    GRANTED = "granted"
    UNKNOWN = "unknown"
    OTHER_PROJECT = "other project"


class ApiKeys:
    """Judges keys against the projects in force.

    Only digests under a salt of this process are looked up: how long that takes tells nothing of any key.
    """

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)
        self._projects: Mapping[str, Project] | None = None
        self._owners: dict[bytes, set[tuple[str, str]]] = {}

    def digest(self, key: str) -> bytes:
        """What stands for a key in this process' memory; of no use anywhere else."""
        return self._salted(hashlib.sha256(key.encode(errors="surrogateescape")).digest())

    def judge(self, digest: bytes | None, account: str, name: str, projects: Mapping[str, Project]) -> Access:
        """Say what a key opens for a project. Whether a project exists is told to nobody without a key."""
        if projects is not self._projects:
            self._learn(projects)
        owners = None if digest is None else self._owners.get(digest)
        if owners is None:
            return Access.UNKNOWN
        return Access.GRANTED if (account, name) in owners else Access.OTHER_PROJECT

    def _learn(self, projects: Mapping[str, Project]) -> None:
        owners: dict[bytes, set[tuple[str, str]]] = {}
        for project in projects.values():
            for key in project.api_key:
                owners.setdefault(self._salted(digest_of(key)), set()).add((project.account, project.project))
        self._owners, self._projects = owners, projects

    def _salted(self, digest: bytes) -> bytes:
        return hmac.digest(self._salt, digest, hashlib.sha256)
