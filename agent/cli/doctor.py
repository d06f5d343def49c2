# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent doctor``: what would stop this node or a project from working, and its likely cause."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict

from agent.cli.configuration import COULD_NOT_RUN, DONE, FOUND_WRONG, read_or_explain
from agent.cli.findings import Finding, Health
from agent.cli.instances import require_one
from agent.cli.machine import examine_machine
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_config, add_instance, add_json
from agent.core.errors import AgentError
from agent.core.model import Project, Snapshot
from agent.telemetry.logs import silent

_EXAMPLE = f"""examples:
  handoff-agent doctor
  handoff-agent doctor --project acme-care
  handoff-agent doctor --project acme-care --signal 4512 --parameter p1=Test

A test signal runs the script's Signal action for that contact, as a real one would.
{EXIT_CODES}"""


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "doctor",
        summary="log-in, discovery and this machine, each with the likely cause of what is wrong",
        description="Examine this machine and, for each project, the way to NICE CXone, step by step.",
        epilog=_EXAMPLE,
    )
    parser.add_argument(
        "--project", action=Needed, metavar="P", help="only this project, and not the machine"
    )
    parser.add_argument(
        "--signal", action=Needed, metavar="CONTACT_ID", help="signal this contact; needs --project"
    )
    parser.add_argument(
        "--parameter",
        type=_parameter,
        action="append",
        default=[],
        metavar="pN=VALUE",
        help="of the test signal; may be repeated (default p1=Doctor)",
    )
    add_config(parser)
    add_instance(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or name not in {f"p{number}" for number in range(1, 10)}:
        raise argparse.ArgumentTypeError(f"{text!r} is not a parameter: write p1=Test (p1 to p9)")
    return name, value


def run(options: argparse.Namespace) -> int:
    """Examine. Returns the exit code."""
    snapshot = read_or_explain(options.config, options.instance)
    if snapshot is None:
        return COULD_NOT_RUN
    if not options.project:
        require_one(snapshot.agent.instances, options.instance, options.config / "agent.yaml")
    projects = _projects(options, snapshot)
    parameters = dict(options.parameter) or {"p1": "Doctor"}
    findings = [] if options.project else list(examine_machine(snapshot))
    findings += asyncio.run(_examine(projects, options.signal, parameters))
    failed = [finding for finding in findings if finding.health is Health.FAILED]
    if options.json:
        print(json.dumps({"ok": not failed, "findings": [asdict(finding) for finding in findings]}))
    else:
        subjects = max(len(finding.subject) for finding in findings)
        steps = max(len(finding.step) for finding in findings)
        for finding in findings:
            print(finding.line(subjects, steps))
        print(f"{len(failed)} of {len(findings)} failed" if failed else f"all {len(findings)} passed")
    return FOUND_WRONG if failed else DONE


def _projects(options: argparse.Namespace, snapshot: Snapshot) -> list[Project]:
    if options.signal and not options.project:
        raise AgentError("--signal needs --project")
    if options.project is None:
        return list(snapshot.projects.values())
    project = snapshot.projects.get(options.project)
    if project is None:
        raise AgentError(
            f"unknown project {options.project}: the configuration has {', '.join(sorted(snapshot.projects))}"
        )
    return [project]


async def _examine(
    projects: list[Project], contact_id: str | None, parameters: Mapping[str, str]
) -> list[Finding]:
    # Imported here: the other commands need no HTTP client.
    from agent.cli.tenant import examine_tenant  # noqa: PLC0415

    findings: list[Finding] = []
    with silent():  # each of the client's own lines is a finding anyway
        for project in projects:
            findings += [finding async for finding in examine_tenant(project, contact_id, parameters)]
    return findings
