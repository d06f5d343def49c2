# SPDX-License-Identifier: GPL-3.0-or-later
"""Running one command as ``handoff-agent`` would."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from agent.cli import check, route, schema

Run = Callable[..., int]


@pytest.fixture
def run() -> Run:
    """Runs a command line made of ``check``, ``route`` or ``schema``; gives the exit code."""

    def command(*arguments: str) -> int:
        parser = argparse.ArgumentParser(prog="handoff-agent")
        subparsers = parser.add_subparsers()
        for module in (check, route, schema):
            module.add(subparsers)
        options = parser.parse_args(arguments)
        result: int = options.run(options)
        return result

    return command
