# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds Debian's packages to a CycloneDX bill of Python packages: what the whole image is made of.

Usage: bill.py PYTHON.cdx.json DPKG-FOLDER OUT.cdx.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def packages(status: str) -> Iterator[Component]:
    """The installed packages of a dpkg status file."""
    for paragraph in status.split("\n\n"):
        fields = dict(
            line.split(": ", 1)
            for line in paragraph.splitlines()
            if ": " in line and not line.startswith(" ")
        )
        if not fields.get("Status", "").endswith(" installed"):
            continue
        name, version = fields["Package"], fields["Version"]
        url = PackageURL(
            "deb", "debian", name, version, {"arch": fields["Architecture"], "distro": "bookworm"}
        )
        yield Component(type=ComponentType.LIBRARY, name=name, version=version, purl=url, bom_ref=str(url))


def main(python: str, dpkg: str, out: str) -> None:
    """Read, add, hold it to CycloneDX's own schema, write."""
    bom = Bom.from_json(json.loads(Path(python).read_text(encoding="utf-8")))
    for component in packages(Path(dpkg, "status").read_text(encoding="utf-8")):
        bom.components.add(component)
        if bom.metadata.component is not None:
            bom.register_dependency(bom.metadata.component, [component])
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SystemExit(f"{out} would be no CycloneDX: {wrong}")
    Path(out).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
