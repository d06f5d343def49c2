# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parsers of commands have in common."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from agent.cli.instances import number
from agent.core.errors import AgentError

EXIT_CODES = "exit codes: 0 done, 1 found wrong, 2 could not run"

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no other name
"""Where a command adds its parser."""


def add_command(
    commands: Commands, name: str, *, summary: str, description: str, epilog: str
) -> argparse.ArgumentParser:
    """Add the parser of a command, whose epilog keeps its line breaks."""
    return commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


class Needed(argparse.Action):
    """The action of an argument that is never empty, as an unset variable of a script would make it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse gives it
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Keep the value.

        Raises:
            AgentError: it is empty.
        """
        if not str(values).strip():
            hint = f"an id is needed, or leave {option_string} out" if option_string else "an id is needed"
            raise AgentError(f"{option_string or self.metavar} is empty (an unset variable?): {hint}")
        setattr(namespace, self.dest, values)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``--config DIR``."""
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("config"),
        metavar="DIR",
        help="configuration folder (default: config)",
    )


def add_where(parser: argparse.ArgumentParser) -> None:
    """Add what says where the agent and its record are: ``--config``, ``--operations``, ``--storage``."""
    add_config(parser)
    add_operations(parser)
    parser.add_argument("--storage", metavar="URL", help="record (default: as agent.yaml says)")


def add_instance(parser: argparse.ArgumentParser) -> None:
    """Add ``--instance N``."""
    parser.add_argument(
        "--instance",
        type=number,
        default=0,
        metavar="N",
        help="which agent, where agent.yaml has instances",
    )


def add_operations(parser: argparse.ArgumentParser) -> None:
    """Add ``--operations``, which some say as ``--node``, and ``--instance``."""
    add_instance(parser)
    parser.add_argument(
        "--operations",
        "--node",
        metavar="URL",
        help="operations listener (default: as agent.yaml says); HANDOFF_AGENT_TOKEN has its token",
    )


def add_why(parser: argparse.ArgumentParser) -> None:
    """Add ``--why``."""
    parser.add_argument(
        "--why", metavar="TEXT", default="", help="the reason, for the log of what was changed"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
