# SPDX-License-Identifier: GPL-3.0-or-later
"""An OTLP/HTTP receiver, as a collector has it: takes protobuf, keeps the spans."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Receiver:
    """Keeps what it is sent.

    Attributes:
        spans: all of them.
        resources: attributes of each request's resources.
        headers: of each request.
        status: its answer.
    """

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.url = ""

    def trace(self, trace_id: bytes) -> dict[str, Span]:
        """The spans of one trace, by name."""
        return {span.name: span for span in self.spans if span.trace_id == trace_id}

    async def take(self, request: web.Request) -> web.Response:
        """One export."""
        self.headers.append(dict(request.headers))
        body = await request.read()
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        if self.status == 200:
            said = ExportTraceServiceRequest.FromString(body)
            for one in said.resource_spans:
                self.resources.append({each.key: each.value.string_value for each in one.resource.attributes})
                for scope in one.scope_spans:
                    self.spans += scope.spans
        return web.Response(
            status=self.status,
            body=ExportTraceServiceResponse().SerializeToString(),
            content_type="application/x-protobuf",
        )


def attributes(span: Span) -> dict[str, Any]:
    """Of a span, as plain values."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in span.attributes}


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Receiver]:
    """A receiver that is up meanwhile, at this port or any."""
    receiver = Receiver()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/traces", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    try:
        yield receiver
    finally:
        await runner.cleanup()
