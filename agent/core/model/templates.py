# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates with placeholders such as ``{contact_id}``, used for p1..p9 and for headers to the voice agent.

This module knows which placeholders there are and how a template is read; what they stand for in a call is
the renderer's affair. ``{{`` and ``}}`` stand for a brace.
"""

from __future__ import annotations

import difflib
import re
import string

PLACEHOLDERS = frozenset(
    {
        "account",
        "call_id",
        "caller",
        "contact_id",
        "destination",
        "environment",
        "handoff_id",
        "master_id",
        "node",
        "number",
        "project",
        "reason",
        "shared_id",
        "skill",
        "traceparent",
    }
)
"""The names a template may use, besides ``label.NAME`` for a label of the number's rule."""

UNKNOWN_BEFORE_HANDOFF = frozenset({"destination", "handoff_id", "reason", "shared_id", "skill"})
"""Those that stand for nothing until the voice agent has handed off."""

LABEL_PREFIX = "label."
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)


def is_label_name(text: str) -> bool:
    """Whether a label may be called so: a letter, then letters, digits, ``_`` and ``-``."""
    return _LABEL.fullmatch(text) is not None


def parse_template(template: str) -> tuple[tuple[str, str | None], ...]:
    """Take a template apart into pieces of (literal text, name of the placeholder that follows it or None).

    Raises:
        ValueError: braces do not match, or a placeholder is not known; one line says what would be right.
    """
    try:
        pieces = list(string.Formatter().parse(template))
    except ValueError:
        raise ValueError(
            f"{template!r} has a brace without its partner: write {{name}}, or {{{{ for a brace"
        ) from None
    parts: list[tuple[str, str | None]] = []
    for literal, name, specification, conversion in pieces:
        if name is not None and (specification or conversion):
            raise ValueError(f"{template!r}: a placeholder is only a name, write {{{name}}}")
        if name is not None:
            _check_name(name)
        parts.append((literal, name))
    return tuple(parts)


def _check_name(name: str) -> None:
    if name in PLACEHOLDERS or (
        name.startswith(LABEL_PREFIX) and is_label_name(name.removeprefix(LABEL_PREFIX))
    ):
        return
    close = difflib.get_close_matches(name, PLACEHOLDERS, n=1)
    advice = (
        f"did you mean {{{close[0]}}}?"
        if close
        else f"expected one of {', '.join(sorted(PLACEHOLDERS))}, label.NAME"
    )
    raise ValueError(f"unknown placeholder {{{name}}}: {advice}")
