# SPDX-License-Identifier: GPL-3.0-or-later
"""Number maps as somebody would have them, before they are put in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent.core.errors import SettingsError

Live: TypeAlias = Sequence[tuple[str, str]]
"""Call id and number of each call that is up."""


class DraftError(SettingsError):
    """What was sent is no draft."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Number maps, as they were sent.

    Attributes:
        kind: ``json``: an object with ``files`` (a name and a text each, null: it goes) and ``alone`` (true:
            no other file stays); or the text of one file.
        body: UTF-8.
        file: the name of that one file in numbers/, which says what it is; empty: a new one.
    """

    kind: Literal["json", "yaml", "csv"]
    body: bytes
    file: str = ""
