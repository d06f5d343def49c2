# SPDX-License-Identifier: GPL-3.0-or-later
"""A small good configuration that tests spoil in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from agent.core.model import Snapshot
from agent.settings import Mistakes, load

AGENT = "node: edge-1\n"
CARRIERS = """\
carriers:
  one:
    sources: [192.0.2.0/24]
    token_header: X-Token
"""
PROJECT = """\
project: care
account: acme
token: ${env:CARE_TOKEN}
voice_agent:
  targets:
    - {uri: "sip:bot@10.0.0.5:5070"}
"""
NUMBERS = """\
numbers:
  "9995550100": care
"""


@dataclass(frozen=True)
class Folder:
    """A configuration folder; ``write`` replaces a file, ``mistakes`` are those that loading it finds."""

    path: Path
    environment: dict[str, str]

    def write(self, name: str, text: str) -> None:
        """Replace a file."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")

    def load(self) -> Snapshot:
        """Load the folder with its own environment."""
        return load(self.path, self.environment)

    def mistakes(self) -> list[str]:
        """Each as ``file:line:column: text`` with the file relative to the folder."""
        try:
            self.load()
        except Mistakes as found:
            return [str(mistake).removeprefix(f"{self.path}/") for mistake in found.mistakes]
        return []


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path, {"CARE_TOKEN": "secret-of-care", "SALES_TOKEN": "secret-of-sales"})
    made.write("agent.yaml", AGENT)
    made.write("carriers.yaml", CARRIERS)
    made.write("projects/care.yaml", PROJECT)
    made.write("numbers/acme.yaml", NUMBERS)
    return made
