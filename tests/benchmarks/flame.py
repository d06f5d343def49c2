# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the CPU of set-ups goes, as a flame graph: Python's frames and native ones, by py-spy."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from agent.simulators.processes import with_us
from tests.benchmarks.edge import Load, edge
from tests.benchmarks.revision import NoRevisionError, checked_out
from tests.benchmarks.setup import RATE, ROOM

_PLACE: Final = Path("docs/performance")
_SECONDS, _SAMPLES_PER_SECOND, _HOLD = 20, 200, 200
_PY_SPY: Final = "py-spy==0.4.3"  # from PyPI by uv, into its own cache
_WIDTH, _ROW, _LETTER = 1200.0, 16, 6.5  # pixels
_MOST_BYTES: Final = 400_000
_LEAST_SHARES: Final = (0.001, 0.002, 0.003, 0.005, 0.01)  # of all samples; narrower frames are left out


async def flame() -> dict[str, object]:
    """150 calls a second under py-spy: flame.svg of this tree, flame-before.svg of REVISION; one minute."""
    revision = os.environ.get("REVISION")
    with checked_out(revision) if revision else nullcontext() as tree:
        stacks = await _recorded(tree)
    root = _tree(stacks)
    title = f"{RATE} set-ups a second{f', {revision}' if revision else ''}: {root.samples} samples"
    path = _PLACE / ("flame-before.svg" if revision else "flame.svg")
    path.write_text(_small(root, title))
    return {"revision": revision, "file": str(path), "samples": root.samples, "bytes": path.stat().st_size}


async def _recorded(checkout: Path | None) -> str:
    """Stacks with counts, a line each."""
    own = shutil.which("py-spy")
    py_spy = (own,) if own else (str(Path(sys.executable).parent / "uv"), "tool", "run", _PY_SPY)
    with tempfile.TemporaryDirectory(prefix="handoff-flame-") as folder:
        raw = Path(folder) / "raw"
        async with edge(ROOM, checkout=checkout) as house:
            await Load(house, 20, 100, _HOLD).run()  # warm: the token, the caches
            load = asyncio.ensure_future(Load(house, RATE, RATE * (_SECONDS + 8), _HOLD).run())
            await asyncio.sleep(3)
            recorder = await asyncio.create_subprocess_exec(
                *with_us(), *py_spy, "record", "--native", "--format", "raw", "--output", str(raw),
                "--rate", str(_SAMPLES_PER_SECOND), "--duration", str(_SECONDS),
                "--pid", str(house.agent.pid),
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, said = await recorder.communicate()
            await load
        if recorder.returncode or not raw.exists():
            raise NoRevisionError(f"py-spy ended with {recorder.returncode}: {said.decode()[-300:]}")
        return raw.read_text()


@dataclass
class _Frame:
    name: str
    samples: int = 0
    callees: dict[str, _Frame] = field(default_factory=dict)


def _tree(stacks: str) -> _Frame:
    root = _Frame("all")
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frame = root
        frame.samples += int(count)
        for name in stack.split(";"):
            frame = frame.callees.setdefault(name, _Frame(name))
            frame.samples += int(count)
    return root


def _small(root: _Frame, title: str) -> str:
    """The picture, with as narrow frames as its size allows."""
    for least in _LEAST_SHARES:
        text = _drawn(root, title, least)
        if len(text.encode()) <= _MOST_BYTES:
            break
    return text


def _drawn(root: _Frame, title: str, least: float) -> str:
    boxes = list(_boxes(root, root.samples * least, 0.0, 0))
    rows = max(row for _, _, row in boxes) + 1
    scale = _WIDTH / root.samples
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH:g}" height="{(rows + 2) * _ROW}">',
        "<style>text { font: 11px monospace }</style>",
        f'<text x="4" y="12">{escape(title)}; frames below {least:.1%} are left out</text>',
    ]
    for frame, left, row in boxes:
        x, y, width = left * scale, (row + 1.5) * _ROW, frame.samples * scale
        tone = _tone(frame.name)
        name = frame.name[: int(width / _LETTER)] if width > 4 * _LETTER else ""
        parts.append(
            f"<g><title>{escape(frame.name)}: {frame.samples / root.samples:.1%}</title>"
            f'<rect x="{x:.1f}" y="{y:g}" width="{width:.1f}" height="{_ROW - 1}"'
            f' fill="rgb({225 + tone % 30},{110 + tone % 100},{40 + tone % 40})"/>'
            + (f'<text x="{x + 2:.1f}" y="{y + 11:g}">{escape(name)}</text>' if name else "")
            + "</g>"
        )
    return "\n".join([*parts, "</svg>", ""])


def _tone(name: str) -> int:
    """A number of a name that is the same in every run."""
    return sum(map(ord, name))


def _boxes(frame: _Frame, least: float, left: float, row: int) -> Iterator[tuple[_Frame, float, int]]:
    """Each frame that is wide enough, the samples to its left, its row; callers above callees."""
    yield frame, left, row
    for callee in sorted(frame.callees.values(), key=lambda one: one.name):
        if callee.samples >= least:
            yield from _boxes(callee, least, left, row + 1)
        left += callee.samples
