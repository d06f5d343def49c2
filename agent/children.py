# SPDX-License-Identifier: GPL-3.0-or-later
"""How our own modules are run in a fresh Python process: with our code, and none from the current folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import agent

_ROOT = str(Path(agent.__file__).resolve().parents[1])


def command(module: str, *arguments: str) -> tuple[str, ...]:
    """What runs a module of ours (``python -m``); ``-P``: no module comes from where we stand."""
    return (sys.executable, "-P", "-m", module, *arguments)


def environment() -> dict[str, str]:
    """Ours, and where our code is."""
    path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path}
