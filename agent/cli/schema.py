# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent schema``: the configuration as JSON Schema for editors, or as its documentation."""

from __future__ import annotations

import argparse
import json

from pydantic import BaseModel

from agent.cli.configuration import DONE
from agent.cli.options import EXIT_CODES, Commands, add_command
from agent.core.model import Agent, Carriers, NumbersFile, Project, csv_schema
from agent.core.record_form import json_schema
from agent.settings.documentation import Schema, markdown

FILES: dict[str, tuple[str, type[BaseModel]]] = {
    "agent": ("agent.yaml", Agent),
    "carriers": ("carriers.yaml", Carriers),
    "project": ("projects/*.yaml", Project),
    "numbers": ("numbers/*.yaml", NumbersFile),
}


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "schema",
        summary="JSON Schema of the configuration, for editors; of call records",
        description="Print the JSON Schema of one file, of all four in one object, or of call records.",
        epilog="examples:\n  handoff-agent schema project > project.schema.json\n"
        f"  handoff-agent schema --records > record.schema.json\n"
        f"  handoff-agent schema csv > numbers.tableschema.json\n\n{EXIT_CODES}",
    )
    parser.add_argument("file", nargs="?", choices=(*FILES, "csv"), help="which file (default: all)")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--markdown", action="store_true", help="print docs/configuration.md instead")
    instead.add_argument(
        "--records", action="store_true", help="print that of a call record instead (docs/records.md)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the schema of ``options.file``, or of all."""
    if options.markdown:
        print(markdown(FILES.values()), end="")
        return DONE
    if options.records:
        print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return DONE
    if options.file == "csv":
        print(json.dumps(csv_schema(), indent=2))
        return DONE
    chosen = [options.file] if options.file else list(FILES)
    schemas = {name: schema(name) for name in chosen}
    print(json.dumps(schemas[options.file] if options.file else schemas, indent=2, ensure_ascii=False))
    return DONE


def schema(name: str) -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of one kind of file."""
    file, model = FILES[name]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(schema_generator=Schema),
        "title": f"handoff-agent {file}",
    }
