# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads record files as whoever ships them does."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any


def lines_of(folder: Path, node: str) -> list[dict[str, Any]]:
    """All whole lines of a node, in the order of its files, as they stand at one time.

    One that is there twice while it is compressed counts once. Where a file gets another name meanwhile, all
    are read again.
    """
    while True:
        before = _names(folder, node)
        try:
            text = b"".join(_read(folder / name) for name in before)
        except FileNotFoundError:
            continue
        if before == _names(folder, node):
            return [json.loads(line) for line in text.split(b"\n")[:-1]]


def _names(folder: Path, node: str) -> list[str]:
    if not folder.exists():
        return []
    names = {path.name for path in folder.iterdir() if path.name.startswith(f"{node}-")}
    done = [name for name in names if name.endswith(".gz")]
    done += [name for name in names if name.endswith(".jsonl") and f"{name}.gz" not in names]
    active = f"{node}.jsonl"
    return [*sorted(done), *([active] if (folder / active).exists() else [])]


def _read(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data
