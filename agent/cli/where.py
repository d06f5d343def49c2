# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the agent and its record are, for commands that look: told by options, else by agent.yaml.

Of that file two values are wanted. A mistake anywhere else, in this file or another, or a secret that is not
in the operator's environment, is no reason not to answer: the agent may run well on what it read before.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from agent.cli.instances import require_one
from agent.core import units
from agent.core.errors import AgentError, StorageError
from agent.core.instances import missing, moved, storage_of
from agent.core.model import Agent, Resolved, Snapshot
from agent.core.model.instances import Instances
from agent.core.model.keys import is_hash
from agent.core.units import Address
from agent.settings.document import read
from agent.settings.mistakes import Mistake
from agent.settings.references import References
from agent.settings.values import values

_USUAL: Final[Address] = Agent.model_fields["http"].default.operations
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_NAME_IT: Final = "--storage URL names the record"


@dataclass(frozen=True, slots=True)
class Where:
    """Where to ask.

    Attributes:
        url: of the operations listener.
        storage: URL of the record; empty where it is not known.
        why: why it is not known.
        token: for the listener's log-in, as agent.yaml has it for that listener and as far as it may be
            read; empty where there is none.
    """

    url: str
    storage: str
    why: str = ""
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, snapshot: Snapshot) -> Where:
        """Of the node that a configuration describes, asked from the same machine."""
        http = snapshot.agent.http
        auth = http.operations_auth
        tokens = [
            (token.role, key.get_secret_value())
            for token in (() if auth is None else auth.tokens)
            for key in token.token
            if not is_hash(key)
        ]
        return cls(url_of(http.operations), snapshot.agent.storage, token=_best(tokens))

    @classmethod
    def asked(cls, options: argparse.Namespace) -> Where:
        """Of ``--operations`` and ``--storage``, else of agent.yaml as far as that can be read."""
        url, storage = options.operations or "", options.storage or ""
        if url and storage:
            return cls(url, storage)
        found = _in_file(options.config, options.instance)
        token = found.token if url in ("", found.url) else ""  # it is nobody else's
        if storage:
            return cls(url or found.url, storage, token=token)
        return cls(url or found.url, found.storage, found.why, token)

    @property
    def database(self) -> str:
        """The URL of the record.

        Raises:
            StorageError: it is not known; one line says why.
        """
        if not self.storage:
            raise StorageError(f"where the record is can't be told: {self.why}; {_NAME_IT}")
        return self.storage


def node_asked(options: argparse.Namespace) -> tuple[str, str]:
    """The URL of ``--operations``, else that of agent.yaml as far as it can be read, and the token for it."""
    if options.operations:
        return options.operations, ""
    found = _in_file(options.config, options.instance)
    return found.url, found.token


def _in_file(folder: Path, instance: int) -> Where:
    file = folder / "agent.yaml"
    usual = url_of(_USUAL)
    document = read(file, str(file))
    if isinstance(document, Mistake):
        _note(document, usual)
        return Where(usual, "", str(document))
    plain, mistakes, spoiled = values(document, References(folder.absolute(), os.environ))
    instances = _instances(plain.get("instances"), instance, file)
    http = plain.get("http")
    written = http.get("operations") if isinstance(http, Mapping) else None
    try:
        address = units.address(written) if written is not None else _USUAL
        if instances is not None:
            address = moved(address, instances.http, instance)
        url = url_of(address)
    except ValueError as error:
        _note(document.mistake(document.at(("http", "operations")), str(error)), usual)
        url = usual
    token = _best(_tokens(http))
    storage: Any = plain.get("storage", Agent.model_fields["storage"].default)
    if ("storage",) in spoiled or not isinstance(storage, str):
        why = next((str(mistake) for mistake in mistakes if "storage" in str(mistake)), "")
        return Where(url, "", why or f"storage in {file} can't be read", token)
    scheme, _, path = storage.partition("://")
    if scheme == "sqlite":
        storage = f"sqlite://{os.path.normpath(folder.absolute() / path)}"
    if instances is not None:
        storage = storage_of(storage, instance)
    return Where(url, str(storage), token=token)


def _instances(written: object, number: int, file: Path) -> Instances | None:
    """Those of agent.yaml, where it has any.

    Raises:
        AgentError: it can't be told which agent is meant, or there is none of this number.
    """
    try:
        instances = None if written is None else Instances.model_validate(written)
    except ValidationError:
        raise AgentError(
            f"instances in {file} can't be read (handoff-agent check): --operations URL names the agent"
        ) from None
    require_one(instances, number, file)
    fault = missing(instances, number) if number else None
    if fault is not None:
        raise AgentError(f"{file}: {fault}")
    return instances


def _tokens(http: object) -> Iterator[tuple[str, str]]:
    """Role and token of those in agent.yaml that could be read, as its author wrote them."""
    auth = http.get("operations_auth") if isinstance(http, Mapping) else None
    tokens = auth.get("tokens") if isinstance(auth, Mapping) else None
    for token in tokens if isinstance(tokens, list) else ():
        if isinstance(token, Mapping):
            found = token.get("token")
            for key in found if isinstance(found, list) else (found,):
                if isinstance(key, Resolved) and not key.startswith("sha256:"):
                    yield str(token.get("role", "viewer")), str(key)


def _best(tokens: Iterable[tuple[str, str]]) -> str:
    """An operator's token, else a viewer's."""
    found = sorted(tokens, key=lambda one: one[0] != "operator")
    return found[0][1] if found else ""


def _note(mistake: Mistake, usual: str) -> None:
    print(f"note: {mistake}; asking {usual}, --operations URL names another", file=sys.stderr)


def url_of(address: Address) -> str:
    """The operations listener at an address, asked from the same machine."""
    return f"http://{Address(_ANY.get(address.host, address.host), address.port)}"
