# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves the screen pop, and asks the agent for it, so that the project's key stays on this side.

    HANDOFF_API_KEY=… python examples/screen_pop/serve.py --api http://127.0.0.1:8080 \
        --account acme --project acme-care
    → http://127.0.0.1:8070/?contact_id=…

With --direct the page gets the key and asks the agent itself: to try the API's CORS out, not for production.
"""

import argparse
import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from agent.client import HandoffClient, HandoffError

PAGE = Path(__file__).parent
FILES = ("index.html", "screen_pop.css", "screen_pop.js")
LONGEST_WAIT = 30.0


def application(options: argparse.Namespace, key: str) -> web.Application:
    """The page, its settings, and the one question that it may ask."""
    agent = HandoffClient(options.api, options.account, options.project, key)

    async def connected(_: web.Application) -> AsyncIterator[None]:
        async with agent:
            yield

    async def file(request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE / (request.match_info.get("name") or "index.html"))

    async def settings(_: web.Request) -> web.Response:
        base = f"{options.api}/v1/{options.account}/{options.project}"
        return web.json_response({"api": base, "key": key} if options.direct else {"api": "", "key": ""})

    async def handoff_state(request: web.Request) -> web.Response:
        # In production, first of all: is this person logged in, and is this contact theirs?
        contact, wait = request.query.get("id", ""), request.query.get("wait", "0")
        if not re.fullmatch("[0-9]{1,19}", contact) or not re.fullmatch("[0-9]{1,3}", wait):
            return web.json_response({"error_message": "id and wait are numbers"}, status=400)
        try:
            return web.json_response(await agent.state(id=contact, wait=min(float(wait), LONGEST_WAIT)))
        except HandoffError as error:
            status = error.status if error.status >= 400 else 502  # noqa: PLR2004 - else it was no agent
            return web.json_response({"error_message": str(error)}, status=status)

    async def harden(_: web.Request, response: web.StreamResponse) -> None:
        # The page runs its own script only, and talks to nobody but this server (or, directly, to the agent).
        asked = urlsplit(options.api)
        talks_to = f"'self' {asked.scheme}://{asked.netloc}" if options.direct else "'self'"
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self'; img-src data:; connect-src {talks_to}"
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"

    app = web.Application()
    app.cleanup_ctx.append(connected)
    app.on_response_prepare.append(harden)
    app.router.add_get("/", file)
    app.router.add_get(f"/{{name:{'|'.join(map(re.escape, FILES))}}}", file)
    app.router.add_get("/settings.json", settings)
    app.router.add_get("/handoff_state", handoff_state)
    return app


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="Serves the screen pop.")
    parser.add_argument("--listen", default="127.0.0.1:8070", metavar="HOST:PORT", help="where to serve it")
    parser.add_argument("--api", default="http://127.0.0.1:8080", metavar="URL", help="the agent's API")
    parser.add_argument("--account", default="acme")
    parser.add_argument("--project", default="acme-care")
    parser.add_argument("--direct", action="store_true", help="give the key to the page; not for production")
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    web.run_app(
        application(options, os.environ["HANDOFF_API_KEY"]),
        host=host,
        port=int(port),
        handler_cancellation=True,  # a page that was closed asks nothing any more
        shutdown_timeout=1,
        print=lambda _: print(f"the screen pop is at http://{options.listen}/?contact_id=…", flush=True),
        access_log=None,
        loop=asyncio.new_event_loop(),
    )


if __name__ == "__main__":
    main()
