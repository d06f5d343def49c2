# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching a document: what the line says where none came."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from agent.cxone.exchange import ExchangeError, fetch
from agent.names.names import Names
from agent.web.client import Client


@pytest.mark.parametrize(
    ("header", "body", "words"),
    [
        (
            b"Content-Encoding: gzip",
            gzip.compress(b"{}", mtime=0),
            (
                "log-in: the answer is no JSON document that can be read: it is encoded (gzip), though "
                "none of that was asked for"
            ),
        ),
        (b"Content-Encoding: identity", b"{", "log-in: the answer is no JSON document"),
        (b"Content-Type: text/html", b"<html>", "log-in: the answer is no JSON document but a web page"),
    ],
    ids=["compressed", "cut", "page"],
)
async def test_what_came_instead_of_a_document_is_said(header: bytes, body: bytes, words: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: %d\r\n\r\n" % (header, len(body)) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, Names() as names, Client(names, 1) as client:
        with pytest.raises(ExchangeError) as refused:
            await fetch(client, "log-in", url, 30, now=0.0)
    assert str(refused.value) == words
