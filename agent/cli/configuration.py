# SPDX-License-Identifier: GPL-3.0-or-later
"""How commands take and read the configuration folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agent.core.model import Snapshot
from agent.settings import Mistakes, load

DONE, FOUND_WRONG, COULD_NOT_RUN = 0, 1, 2
EXIT_CODES = "exit codes: 0 done, 1 found wrong, 2 could not run"


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``--config DIR``."""
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("config"),
        metavar="DIR",
        help="configuration folder (default: config)",
    )


def read_or_explain(folder: Path) -> Snapshot | None:
    """The configuration, or None after its mistakes were written to standard error."""
    try:
        return load(folder)
    except Mistakes as mistakes:
        print(mistakes, file=sys.stderr)
        print(f"{folder} has mistakes: correct them first (handoff-agent check)", file=sys.stderr)
        return None
