# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml, storage and retention: where calls are recorded, and for how long."""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeAlias
from urllib.parse import parse_qs

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from agent.core.model.base import REFERENCES_ONLY, Count, Model, Resolved, Text

_SERVER: Final = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^\[\]:,\s]+)(:[0-9]{1,5})?")
_TAKE_WRITES: Final = ("read-write", "primary")


def _password_referred_to(value: object, info: ValidationInfo) -> object:
    """Before it becomes a plain text, which no longer says that it was referred to."""
    in_files = (info.context or {}).get(REFERENCES_ONLY)
    if in_files and isinstance(value, str) and not isinstance(value, Resolved):
        scheme, _, rest = value.partition("://")
        if scheme == "postgresql" and ":" in rest.rpartition("@")[0]:
            raise ValueError(
                "a password is never written in: put the whole value in ${env:NAME} or ${file:/path}"
            )
    return value


def _storage(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    shown = repr(scheme if rest else value) if "@" not in scheme else "this"  # it may have a password
    if not separator or not rest or scheme not in ("sqlite", "postgresql"):
        raise ValueError(
            f"{shown} is not a storage: write sqlite:// and a path "
            "(sqlite:///var/lib/handoff-agent/agent.db), or postgresql://host/database"
        )
    if scheme == "sqlite" and rest.endswith("/"):
        raise ValueError("sqlite:// needs a file name: write sqlite:///var/lib/handoff-agent/agent.db")
    if scheme == "postgresql":
        _servers(rest)
    return value


def _servers(rest: str) -> None:
    """What several servers need; nothing before the hosts is quoted, since it may be a password."""
    place, _, query = rest.partition("?")
    hosts = place.partition("/")[0].rpartition("@")[2]
    wanted = parse_qs(query).get("target_session_attrs", [""])[-1]
    if wanted and wanted not in _TAKE_WRITES:
        raise ValueError(
            f"target_session_attrs={wanted} does not lead to the primary: write read-write instead of it"
        )
    if "," not in hosts:
        return
    for host in hosts.split(","):
        if not _SERVER.fullmatch(host):
            raise ValueError(
                "one of the servers is none: write postgresql://one:5432,two:5432/database"
                "?target_session_attrs=read-write"
            )
    if not wanted:
        raise ValueError(
            "several servers need ?target_session_attrs=read-write at the end: without it a standby, which "
            "takes no writes, may be asked"
        )


Storage: TypeAlias = Annotated[Text, BeforeValidator(_password_referred_to), AfterValidator(_storage)]


class Retention(Model):
    """How long the record is kept. Calls that are over go with all that belongs to them, in small steps."""

    days: Count = Field(default=30, description="Calls that ended longer ago than this are deleted.")
    calls: Count = Field(
        default=1_000_000,
        description="Of the others about so many are kept, the newest; this bounds the size of the database "
        "(1 to 2 kB a call).",
    )
