# SPDX-License-Identifier: GPL-3.0-or-later
"""Style, script and icon of the console: files of this package, read once, open to everybody."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from aiohttp import web

_FOLDER: Final = Path(__file__).parent / "assets"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES: Final = {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES}
VERSION: Final = hashlib.sha256(b"".join(_FILES.values())).hexdigest()[:12]
"""Part of their addresses, so that a browser keeps them until they change."""


def add_assets(app: web.Application) -> None:
    """Add the route to the application of the operations listener."""
    app.router.add_get("/console/assets/{name}", _asset)


async def _asset(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    body = _FILES.get(name)
    if body is None:
        raise web.HTTPNotFound
    kept = "public, max-age=31536000, immutable" if request.query.get("v") == VERSION else "no-cache"
    return web.Response(
        body=body,
        content_type=_TYPES[Path(name).suffix],
        charset="utf-8",
        headers={"Cache-Control": kept},
    )
