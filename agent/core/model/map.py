# SPDX-License-Identifier: GPL-3.0-or-later
"""numbers/*.yaml as a schema for editors.

The loader reads these files by hand instead, since they may hold a hundred thousand numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, WithJsonSchema

from agent.core.frozen import NOTHING
from agent.core.model.base import Frozen, Listed, Model, Name, Text

NUMBER_SCHEMA = {
    "type": "string",
    "pattern": r"^(\+?[0-9]+( *- *\+?[0-9]+)?|\+?[0-9]*\*)$",
    "examples": ["9995550100", "9995550200-9995550299", "99955503*"],
}


def csv_schema() -> dict[str, object]:
    """numbers/*.csv as a Table Schema (https://datapackage.org/standard/table-schema/)."""
    return {
        "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
        "fieldsMatch": "superset",  # each other column is a label
        "fields": [
            {
                "name": "number",
                "type": "string",
                "title": "A number, a range or a prefix",
                "constraints": {"required": True, "unique": True, "pattern": NUMBER_SCHEMA["pattern"]},
            },
            {
                "name": "project",
                "type": "string",
                "title": "The project; several, of which the connector token decides, are separated by |",
                "constraints": {"required": True},
            },
        ],
        "primaryKey": ["number"],
    }


class NumberTarget(Model):
    """What a number leads to, in its long form."""

    project: Name | Annotated[tuple[Name, ...], Listed] = Field(
        description="The project; or several, of which the connector token decides."
    )
    labels: Annotated[Mapping[str, Text], Frozen] = Field(
        default=NOTHING, description="Free labels, in templates as {label.NAME}."
    )


class NumbersFile(Model):
    """numbers/*.yaml."""

    numbers: Annotated[
        Mapping[Annotated[str, WithJsonSchema(NUMBER_SCHEMA)], Name | tuple[Name, ...] | NumberTarget], Frozen
    ] = Field(
        description="A number, a range or a prefix (in quotes), and its project, its projects, or "
        "{project, labels}."
    )
