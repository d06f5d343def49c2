# SPDX-License-Identifier: GPL-3.0-or-later
"""``${env:NAME}`` and ``${file:/path}``: how secrets get into the configuration without standing there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.core.model import Resolved
from agent.settings.files import open_regular

LARGEST_SECRET = 64 * 1024
_WHOLE = re.compile(r"\$\{(env|file):([^{}]+)\}")
_START = re.compile(r"\$\{(?:env|file):")


@dataclass(frozen=True, slots=True)
class References:
    """What references are looked up in: the environment, and files (relative ones from ``folder``)."""

    folder: Path
    environment: Mapping[str, str]

    def resolve(self, text: str) -> str:
        """The text itself, or what it refers to as a `Resolved` text (without white space at its end).

        Raises:
            ValueError: it refers to nothing, or the reference is only a part of it. Never tells the secret.
        """
        match = _WHOLE.fullmatch(text)
        if match is None:
            if _START.search(text):
                raise ValueError(
                    "a reference must be the whole value: write ${env:NAME} or ${file:/path} alone"
                )
            return text
        value = self._environment(match[2]) if match[1] == "env" else self._file(match[2])
        if "\n" in value or "\r" in value or "\x00" in value:
            raise ValueError(f"what {text} refers to has several lines: it must be one")
        return Resolved(value)

    def _environment(self, name: str) -> str:
        value = self.environment.get(name)
        if value is None:
            raise ValueError(f"the environment has no {name}: set it where the agent is started")
        if not value.strip():
            raise ValueError(f"{name} is empty in the environment: set it where the agent is started")
        return value.strip()

    def _file(self, name: str) -> str:
        path = self.folder / name
        try:
            if not path.is_file():
                raise ValueError(f"there is no file {path}: create it, or correct the path")
            with open_regular(path) as file:
                content = file.read(LARGEST_SECRET + 1)
        except OSError as error:
            raise ValueError(f"{path} can't be read: {error.strerror}") from None
        if len(content) > LARGEST_SECRET:
            raise ValueError(f"{path} is too large for a secret: it holds more than {LARGEST_SECRET} bytes")
        try:
            value = content.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not UTF-8") from None
        if not value:
            raise ValueError(f"{path} is empty: write the secret into it")
        return value
