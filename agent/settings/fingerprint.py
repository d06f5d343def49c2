# SPDX-License-Identifier: GPL-3.0-or-later
"""One number for a whole configuration, one for what nodes of a fleet share: equal while it is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, SecretStr

from agent.core.frozen import NOTHING
from agent.core.model import Agent, Carriers, Certificate, Project
from agent.core.numbers import NumberRule


def fingerprint(agent: Agent, shared: str, certificates: Mapping[str, Certificate] = NOTHING) -> str:
    """SHA-256 (hex) over `shared_fingerprint`, agent.yaml and what is in certificates' files."""
    digest = hashlib.sha256(f"{json.dumps(_plain(agent), sort_keys=True)}\n{shared}\n".encode())
    for name, certificate in sorted(certificates.items()):
        digest.update(f"{name} {certificate.digest}\n".encode())
    return digest.hexdigest()


def shared_fingerprint(
    carriers: Carriers, projects: Mapping[str, Project], rules: Iterable[NumberRule]
) -> str:
    """SHA-256 (hex) over all values of carriers, projects and number maps, secrets too.

    It is not over comments, file names or the order of keys.
    """
    digest = hashlib.sha256()
    for part in (carriers, dict(projects)):
        digest.update(json.dumps(_plain(part), sort_keys=True).encode())
        digest.update(b"\n")
    targets: dict[tuple[int, int], str] = {}  # few differ, and the rules keep them alive
    for rule in sorted(rules, key=lambda rule: rule.pattern):
        which = (id(rule.projects), id(rule.labels))
        if which not in targets:
            targets[which] = repr((rule.projects, sorted(rule.labels.items())))
        digest.update(f"{rule.pattern} {targets[which]}\n".encode())
    return digest.hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, SecretStr):
        return hashlib.sha256(value.get_secret_value().encode()).hexdigest()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value if isinstance(value, int | float | str | None) else str(value)
