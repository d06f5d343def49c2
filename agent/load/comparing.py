# SPDX-License-Identifier: GPL-3.0-or-later
"""A comparison of two loads as HTML and as data."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from agent.load.comparison import METHOD, Comparison
from agent.load.plots import of_two
from agent.load.report import page

_ABOUT: Final = ("profile", "when", "where", "rate", "length", "hold", "verdict")


def as_data(found: Comparison) -> dict[str, Any]:
    """The comparison as plain data."""
    return {
        "a": str(found.a.folder),
        "b": str(found.b.folder),
        "verdict": found.verdict,
        "differs": list(found.differs),
        "measures": [asdict(row) for row in found.rows],
    }


def write(found: Comparison, path: Path) -> None:
    """Write the comparison as one HTML file.

    Raises:
        OSError: it can't be written.
    """
    about = [
        ("folder", found.a.folder.name, found.b.folder.name),
        *((name, found.a.data.get(name, ""), found.b.data.get(name, "")) for name in _ABOUT),
    ]
    better = any(row.verdict == "better" for row in found.rows)
    text = page(
        "comparison.html",
        verdict=found.verdict,
        tone="bad" if found.worse else ("good" if better else "unsure"),
        about=about,
        differs=found.differs,
        rows=found.rows,
        method=METHOD,
        plot=of_two(found.a.setups(), found.b.setups()),
    )
    path.write_text(text, encoding="utf-8")
