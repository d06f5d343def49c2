# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages: templates compiled once, the frame around them, and who is looking.

A page works without a script. Its rows are bounded: rendering happens on the loop, some 10 µs a row.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agent.http.access import Access
from agent.http.console.assets import VERSION
from agent.http.identity import who
from agent.telemetry.logs import masked

ROWS_AT_MOST: Final = 100
"""Rows of one page; more go to the next one."""
_TEMPLATES: Final = Path(__file__).parent / "templates"
_NAVIGATION: Final = (
    ("/", "Overview"),
    ("/console/calls", "Calls"),
    ("/console/numbers", "Numbers"),
    ("/console/signals", "Signals"),
    ("/console/configuration", "Configuration"),
    ("/console/diagnostics", "Diagnostics"),
    ("/console/audit", "Audit"),
)
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


@dataclass(slots=True)
class Pages:
    """What the pages of one application share.

    Attributes:
        access: knows who asks and makes the tokens of forms.
        node: the node's name, as it is now.
        paths: of the pages that are there; navigation leads to these alone.
        newest: when the newest page was rendered (monotonic): what moves on it must not be older.
    """

    access: Access
    node: Callable[[], str]
    paths: set[str] = field(default_factory=set)
    newest: float = field(default=0.0, init=False)
    environment: Environment = field(init=False)

    def __post_init__(self) -> None:
        self.environment = environment()

    def render(self, name: str, request: web.Request, /, **values: Any) -> str:  # noqa: ANN401 - templates take anything
        """The text of a template, for who asks."""
        asker = who(request)
        return self.environment.get_template(name).render(
            node=self.node(),
            who=asker,
            log_in=self.access.required,
            csrf=self.access.form_token(asker),
            navigation=[(path, title) for path, title in _NAVIGATION if path in self.paths],
            here=request.path,
            version=VERSION,
            **values,
        )


PAGES: Final = web.AppKey("pages", Pages)


def environment() -> Environment:
    """Jinja2 as the console uses it: all is escaped, an absent name is an error, all is compiled."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(moment=moment, day=day, ago=ago, seconds=seconds, masked=masked, words=words)
    for name in made.list_templates():
        made.get_template(name)  # compiled now: later it would hold calls up
    return made


def add_page(
    app: web.Application, path: str, handler: Callable[[web.Request], Any], *, in_navigation: bool = True
) -> None:
    """Add a page that is read.

    Args:
        app: of the operations listener.
        path: ``/console/…``; in the navigation where that has a place for it.
        handler: gives the answer, usually by `page`.
        in_navigation: whether the navigation may lead here.
    """
    app.router.add_get(path, handler)
    if in_navigation:
        app[PAGES].paths.add(path)


def page(request: web.Request, name: str, /, *, status: int = 200, **values: Any) -> web.Response:  # noqa: ANN401 - the same
    """The answer with a page.

    Args:
        request: is answered.
        name: of the template, such as ``signals.html``.
        status: of the answer.
        values: what the template asks for, besides what each has: ``who``, ``node``, ``csrf``, ``here``.
    """
    pages = request.app[PAGES]
    text = pages.render(name, request, **values)
    pages.newest = time.monotonic()
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def part(request: web.Request, name: str, /, **values: Any) -> str:  # noqa: ANN401 - the same
    """A piece of a page, such as what `agent.http.console.live` renews."""
    return request.app[PAGES].render(name, request, **values)


# -- filters -----------------------------------------------------------------------------------------------


def moment(when: float | None) -> str:
    """A time in seconds since the epoch as people read it, in UTC; a dash for none."""
    return "-" if when is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(when))


def day(when: float | None) -> str:
    """The same for ``datetime=`` (ISO 8601)."""
    return "" if when is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


def ago(when: float, now: float | None = None) -> str:
    """How long ago it was."""
    passed = max(0.0, (time.time() if now is None else now) - when)
    return f"{seconds(passed)} ago"


def seconds(span: float | None) -> str:
    """A span of seconds in its largest fitting unit; a dash for none."""
    if span is None:
        return "-"
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if span >= 2 * size:
            return f"{span / size:.0f} {unit}"
    if span < 1:
        return f"{span * 1000:.0f} ms"
    return f"{span:.0f} s" if span >= 10 else f"{span:.3g} s"  # noqa: PLR2004 - tenths of long spans tell nothing


def words(value: str) -> str:
    """A label of a metric or a state, as words."""
    return value.replace("_", " ")
