# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/configuration.md, a row for each field, made from the models so that it can't lag behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from agent.core.model.capture import shown_size
from agent.core.units import Address, Listen, PortRange

_INTRODUCTION = """\
# Configuration

<!-- Made by `handoff-agent schema --markdown > docs/configuration.md`; a test keeps it current. -->

A folder with `agent.yaml`, `carriers.yaml`, `projects/*.yaml` and `numbers/*.yaml` or `numbers/*.csv`;
`config/` is a complete example. `handoff-agent check` prints every mistake as `file:line:column: what is
wrong, what would be right`.

- **Unknown keys** are mistakes. A field without default must be written.
- **Durations**: `30s`, `500ms`, `2m`, `1h30m`, `4h`, or a number of seconds.
- **Secrets** are never written in, only referred to: `${env:NAME}`, or `${file:/path}` (its text without
  white space
  at either end). Any other text may be a reference too. A reference is the whole value. An `api_key` may
  also stand there as its hash, which is no secret: `sha256:` and what `printf %s KEY | sha256sum` prints.
- **Relative paths** start at the configuration folder, in references, `storage`, `audit`, `sip.tls`,
  `http.tls`, `log.file`, `capture.folder`, `records.folder` and `comfort_audio`.
- **Placeholders** in `signals` and `voice_agent.headers`: `{contact_id}`, `{master_id}`, `{call_id}`,
  `{project}`,
  `{account}`, `{environment}`, `{number}`, `{caller}`, `{destination}`, `{skill}`, `{reason}`,
  `{shared_id}`,
  `{handoff_id}`, `{node}`, `{traceparent}` (W3C, where `traces` is set), and
  `{label.NAME}` for a label of the number's rule. `{{` and `}}` stand for a
  brace.
- **Numbers** are digits. A `+` is dropped. Of the number that a call brings, separators (space, `-`,
  `.`, brackets) and the carrier's `numbers.strip` prefixes are dropped, too; a key is written without them.
  The most
  specific rule wins: exact, then range, then longer prefix; `99955503*` also takes `99955503` itself.
  Keys are best quoted; a leading zero or plus, or an underscore, must be.
- **Reload** (SIGHUP, `POST /reload`, file change) is all or nothing. `node`, `sip`
  (but for `sip.trusted_proxies`), `media`, `dns`, `http` (but for `http.operations_auth`), `storage`,
  `audit`, `records` and `instances` wait for the next start.
"""
_CSV = """
## numbers/*.csv

The same rules as a list, beside YAML or instead of it; rules of both that contradict each other are told.

```
number,project,brand
9995550100,acme-care,
9995550101,acme-care,acme-uk
9995550104,acme-care|acme-care-sandbox,
9995550200-9995550299,acme-sales,"Acme, UK"
```

- **The first line** names the columns, in any order: `number` and `project` (large or small letters), and a
  column for each label. A column of a label named `number`, `project`, `label` or `labels` is called
  `label.NAME`. An empty cell is no label. Several projects of one number are separated by `|`.
- **Cells** are separated by `,` or by `;`, as spreadsheets write it where the comma is the decimal sign:
  what separates the titles does so in the whole file. A cell with the separator, a quote or white space at
  its ends stands in double quotes, a quote within is written twice (RFC 4180); it does not go on in the
  next line.
- **UTF-8**, with a byte order mark or without; lines end with LF, CRLF or CR. Empty lines, lines of
  separators alone and a first line `sep=;` are passed over. There are no remarks.
- **Mistakes** are told at the column of the cell's first character.
- **Spreadsheets** round long numbers (`9.99555E+09`), make dates of ranges (`02-Jan`) and drop zeros in
  front: set the column to text before you enter or open it. The first two are mistakes; of a lost zero
  there is a note of `check` where other numbers of the block have it.
"""
_PATTERNS = {
    "%|off": "share, `off`",
    "udp|tcp|tls": "listener",
    "[sS][iI][pP]": "SIP URI",
    "env|file": "secret",
    "kB|MB|GB": "size",
    "ms|s|m|h|d": "duration",
}


class Schema(GenerateJsonSchema):
    """Writes defaults as an operator would: ``0.0.0.0:8080``, not the fields of an object."""

    def encode_default(self, dft: Any) -> Any:  # noqa: ANN401 - defaults are anything
        """A default as it stands in YAML."""
        if isinstance(dft, Address | Listen | PortRange):
            return str(dft)
        if isinstance(dft, tuple):
            return [self.encode_default(item) for item in dft]
        return super().encode_default(dft)


def markdown(files: Iterable[tuple[str, type[BaseModel]]]) -> str:
    """The page for these files: (name, model) each."""
    parts = [_INTRODUCTION]
    for name, model in files:
        schema = model.model_json_schema(schema_generator=Schema)
        rows = "\n".join(_rows(schema, schema.get("$defs", {}), ""))
        parts.append(
            f"\n## {name}\n\n| field | type | default | meaning |\n| --- | --- | --- | --- |\n{rows}\n"
        )
    return "".join([*parts, _CSV])


def _rows(schema: Mapping[str, Any], definitions: Mapping[str, Any], stem: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        default = "required" if name in required else _default(field)
        meaning = _meaning(field, definitions).replace("|", "\\|")
        yield f"| `{stem}{name}` | {_type(field, definitions)} | {default} | {meaning} |"
        inner, step = _inside(field, definitions)
        if inner is not None:
            yield from _rows(inner, definitions, f"{stem}{name}{step}.")


def _meaning(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """The field's description, which pydantic leaves out where the model that it holds has the same."""
    found = field.get("description") or definitions.get(str(field.get("$ref", "")).rpartition("/")[2], field)
    return found if isinstance(found, str) else str(found.get("description", ""))


def _inside(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """The object that a field holds, and the step to it: none, ``[]`` in a list, ``.NAME`` in a mapping."""
    for option in field.get("anyOf", [field]):
        if "$ref" in option:
            return definitions[option["$ref"].rpartition("/")[2]], ""
        if "$ref" in option.get("items", {}):
            return definitions[option["items"]["$ref"].rpartition("/")[2]], "[]"
        values = option.get("additionalProperties")
        for value in values.get("anyOf", [values]) if isinstance(values, Mapping) else ():
            if "$ref" in value:
                return definitions[value["$ref"].rpartition("/")[2]], ".NAME"
    return None, ""


def _type(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    options = [option for option in field.get("anyOf", [field]) if option.get("type") != "null"]
    return " or ".join(dict.fromkeys(_single_type(option, definitions) for option in options))


def _single_type(option: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in option:
        target = definitions[option["$ref"].rpartition("/")[2]]
        return _single_type(target, definitions)
    if "enum" in option:
        return ", ".join(f"`{value}`" for value in option["enum"])
    for part, name in _PATTERNS.items():
        if part in option.get("pattern", ""):
            return name
    match option.get("type"):
        case "array":
            items = option.get("items") or (option.get("prefixItems") or [{}])[0]
            return f"list of {_type(items, definitions)}"
        case "object":
            return "keys"
        case "integer":
            return "whole number"
        case "boolean":
            return "`true`, `false`"
    return "text"


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    if default is None or default in ({}, []) or isinstance(default, Mapping):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list):
        return f"`[{', '.join(map(str, default))}]`"
    if isinstance(default, int) and "kB|MB|GB" in field.get("pattern", ""):
        return f"`{shown_size(default)}`"
    if isinstance(default, int | float) and "ms|s|m|h|d" in field.get("pattern", ""):
        return f"`{_duration(default)}`"
    if isinstance(default, float) and "%|off" in field.get("pattern", ""):
        return f"`{default:.0%}`"
    return f"`{default}`"


def _duration(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0 and (unit == "h" or seconds > size):
            return f"{seconds / size:g}{unit}"
    return f"{seconds:.15g}s"
