# SPDX-License-Identifier: GPL-3.0-or-later
"""The entry point: one sub-command, one file."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence

from agent import __version__
from agent.cli.held import hold_signals
from agent.cli.streams import complain, complete_streams, let_go_of_output
from agent.core.errors import AgentError

_COMMANDS = (
    *("run", "check", "route", "numbers", "diff", "reload", "rollout", "doctor"),
    *("signals", "calls", "explain", "hangup"),
    *("demo", "load", "simulate", "test_call", "schema", "kamailio"),
    *("loglevel", "capture"),
    "records",
)
_COULD_NOT_RUN = 2
_INTERRUPTED = 130
_OF_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 done, 1 found something wrong, 2 could not run.
    """
    if (sys.argv[1:] if arguments is None else arguments)[:1] == ["run"]:
        hold_signals()  # before all that takes its time to import
    complete_streams()
    parser = argparse.ArgumentParser(
        prog="handoff-agent",
        description="Stands between NICE CXone and a voice AI agent at the SIP edge.",
        epilog="handoff-agent COMMAND --help tells more. Exit codes: 0 done, 1 found wrong, 2 could not run.",
    )
    parser.add_argument("--version", action="version", version=f"handoff-agent {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        importlib.import_module(f"agent.cli.{command}").add(subparsers)
    try:
        options = parser.parse_args(arguments)
        code = int(options.run(options))
        if sys.stdout is not None:
            sys.stdout.flush()  # what is wrong with it is told below, and not by the interpreter at its end
        return code  # noqa: TRY300
    except AgentError as error:
        complain(f"handoff-agent: {error}\n")
        return _COULD_NOT_RUN
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        if os.environ.get("HANDOFF_TRACEBACK"):
            raise
        if isinstance(error, OSError) and error.filename is None and error.errno in _OF_OUTPUT:
            let_go_of_output()
            why = f"{error.strerror}; what is there is cut off"
            complain(f"handoff-agent: standard output can't be written: {why}\n")
            return _COULD_NOT_RUN
        what = f"{type(error).__name__}: {error}".partition("\n")[0]
        complain(f"handoff-agent: internal error: {what}; HANDOFF_TRACEBACK=1 shows the traceback\n")
        return _COULD_NOT_RUN


if __name__ == "__main__":
    sys.exit(main())
