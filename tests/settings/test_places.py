# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each value of a configuration in force stands."""

from __future__ import annotations

from pathlib import Path

from agent.settings import load
from agent.settings.document import Document, parse
from agent.settings.places import written

EXAMPLE = Path(__file__).parents[2] / "config"


def test_each_key_has_its_line_and_references_stand_as_they_are_written() -> None:
    text = "node: edge\nhttp:\n  operations_auth:\n    tokens:\n    - {name: ana, token: '${env:ANA}'}\n"
    document = parse(text, "agent.yaml", 10)
    assert isinstance(document, Document)
    assert written(document).places() == {
        "node": (11, ""),
        "http": (12, ""),
        "http.operations_auth": (13, ""),
        "http.operations_auth.tokens": (14, ""),
        "http.operations_auth.tokens.0": (15, ""),
        "http.operations_auth.tokens.0.name": (15, ""),
        "http.operations_auth.tokens.0.token": (15, "${env:ANA}"),
    }


def test_a_snapshot_knows_the_places_of_all_its_files() -> None:
    snapshot = load(EXAMPLE)
    assert set(snapshot.written) == {"agent", "carriers", *(f"project {name}" for name in snapshot.projects)}
    care = snapshot.written["project acme-care"]
    assert care.file == str(EXAMPLE / "projects" / "acme-care.yaml")
    line, reference = care.places()["token"]
    assert reference in Path(care.file).read_text(encoding="utf-8").splitlines()[line - 1]
