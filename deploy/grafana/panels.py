# SPDX-License-Identifier: GPL-3.0-or-later
"""Grafana's JSON for panels and dashboards, from what a person decides about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_WIDE: Final = 24
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_UNITS: Final = {
    "calls": "none",
    "a second": "cps",
    "seconds": "s",
    "share": "percentunit",
    "bytes": "bytes",
    "a count": "short",
    "a time": "dateTimeFromNow",
    "yes or no": "bool_yes_no",
}


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: what it shows, in plain words.
        unit: a key of `_UNITS`.
        told: a sentence or two for whoever does not know it.
        queries: PromQL and the legend of each.
        kind: ``timeseries``, ``stat`` or ``table``.
        width: in 24ths of the page.
        links: title and address of pages that go on from a point.
    """

    title: str
    unit: str
    told: str
    queries: Sequence[tuple[str, str]]
    kind: str = "timeseries"
    width: int = 8
    links: Sequence[tuple[str, str]] = ()

    def json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """As Grafana has it."""
        height = 4 if self.kind == "stat" else 8
        custom = {"fillOpacity": 10, "showPoints": "never"} if self.kind == "timeseries" else {}
        links = [{"title": title, "url": url, "targetBlank": True} for title, url in self.links]
        now = self.kind != "timeseries"
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.told,
            "datasource": _SOURCE,
            "gridPos": {"h": height, "w": self.width, "x": x, "y": y},
            "fieldConfig": {
                "defaults": {"unit": _UNITS[self.unit], "min": 0, "custom": custom, "links": links},
                "overrides": [],
            },
            "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if not now else {},
            "targets": [
                {
                    "refId": chr(ord("A") + at),
                    "datasource": _SOURCE,
                    "expr": expression,
                    "legendFormat": legend,
                    "instant": now,
                    "range": not now,
                    **({"format": "table"} if self.kind == "table" else {}),
                }
                for at, (expression, legend) in enumerate(self.queries)
            ],
        }


@dataclass(frozen=True)
class Text:
    """A panel with a text in Markdown."""

    title: str
    text: str
    height: int = 8

    def json(self, number: int, y: int) -> dict[str, Any]:
        """As Grafana has it."""
        return {
            "id": number,
            "type": "text",
            "title": self.title,
            "gridPos": {"h": self.height, "w": _WIDE, "x": 0, "y": y},
            "options": {"mode": "markdown", "content": self.text},
        }


def variable(name: str, label: str, query: str, *, several: bool = True) -> dict[str, Any]:
    """A variable whose values come from a query."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": several,
        "includeAll": several,
        **({"allValue": ".*", "current": {"text": "All", "value": "$__all"}} if several else {}),
    }


def asked(name: str, label: str, value: str) -> dict[str, Any]:
    """A variable that a person types."""
    return {
        "name": name,
        "label": label,
        "type": "textbox",
        "query": value,
        "current": {"text": value, "value": value},
    }


def dashboard(
    uid: str, title: str, told: str, variables: Sequence[dict[str, Any]], *rows: Panel | Text
) -> dict[str, Any]:
    """A dashboard whose panels stand side by side as long as they fit."""
    panels: list[dict[str, Any]] = []
    x = y = height = 0
    for number, panel in enumerate(rows, 1):
        wide = _WIDE if isinstance(panel, Text) else panel.width
        if x + wide > _WIDE:
            x, y, height = 0, y + height, 0
        made = panel.json(number, y) if isinstance(panel, Text) else panel.json(number, x, y)
        panels.append(made)
        x, height = x + wide, max(height, made["gridPos"]["h"])
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    others = {"type": "dashboards", "tags": ["handoff-agent"], "asDropdown": False, "title": "handoff-agent"}
    return {
        "uid": uid,
        "title": title,
        "description": told,
        "tags": ["handoff-agent"],
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "schemaVersion": 38,
        "time": {"from": "now-3h", "to": "now"},
        "links": [{**others, "includeVars": True, "keepTime": True}],
        "templating": {"list": [source, *variables]},
        "panels": panels,
    }
