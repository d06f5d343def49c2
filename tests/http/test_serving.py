# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Listeners: TLS, and what is no HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest

from agent.core.model import HttpTls
from agent.core.units import Address
from agent.http.api import api_app
from agent.http.serving import HttpError, serve, serve_app, tls_context
from tests.harness.streams import hang_up
from tests.http.harness.certificates import Pair, new_pair

STATE = "/v1/acme/acme-care/handoff_state?id=none"
KEY = {"x-api-key": "care-key"}


def tls(pair: Pair) -> HttpTls:
    return HttpTls(certificate=pair.certificate, private_key=pair.private_key)


async def test_the_api_is_served_over_tls(desk: Any, tmp_path: Path) -> None:
    pair = new_pair(tmp_path)
    server = await serve_app(api_app(desk), Address("127.0.0.1", 0), tls(pair))
    trusting = ssl.create_default_context(cafile=str(pair.certificate))
    url = f"https://127.0.0.1:{server.port}{STATE}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=KEY, ssl=trusting) as answer:
        assert answer.status == 404
        assert "error_message" in await answer.json()
    await server.aclose()


async def test_plain_http_is_not_served_on_a_tls_listener(desk: Any, tmp_path: Path) -> None:
    server = await serve_app(api_app(desk), Address("127.0.0.1", 0), tls(new_pair(tmp_path)))
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://127.0.0.1:{server.port}{STATE}")
    await server.aclose()


@pytest.mark.parametrize("kinds", [("EC", "RSA"), ("RSA", "EC"), ("EC", "EC")], ids=" to ".join)
async def test_a_renewed_certificate_alone_is_shown_whatever_the_kind_of_its_key(
    desk: Any, tmp_path: Path, kinds: tuple[Literal["EC", "RSA"], Literal["EC", "RSA"]]
) -> None:
    pair = new_pair(tmp_path, kind=kinds[0])
    server = await serve_app(api_app(desk), Address("127.0.0.1", 0), tls(pair))
    asking = f"GET {STATE} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {KEY['x-api-key']}\r\n\r\n".encode()
    reader, writer = await connected(server.port)
    new_pair(tmp_path, kind=kinds[1])
    await server.renew_certificate(tls(pair))
    renewed = ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())
    for ciphers in ("ECDSA", "RSA"):
        if ciphers == ("ECDSA" if kinds[1] == "EC" else "RSA"):
            assert await shown(server.port, ciphers) == renewed
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await shown(server.port, ciphers)
    assert await shown(server.port) == renewed
    writer.write(asking)
    assert (await reader.readline()).startswith(b"HTTP/1.1 404"), "an open connection lives on"
    await hang_up(writer)
    await server.aclose()


async def test_a_renewal_that_can_t_be_used_leaves_the_old_pair_in_use(desk: Any, tmp_path: Path) -> None:
    pair = new_pair(tmp_path)
    server = await serve_app(api_app(desk), Address("127.0.0.1", 0), tls(pair))
    before = await shown(server.port)
    pair.private_key.write_bytes(new_pair(tmp_path, "other").private_key.read_bytes())
    with pytest.raises(HttpError, match=r"edge\.pem"):
        await server.renew_certificate(tls(pair))
    assert await shown(server.port) == before
    await server.aclose()


async def connected(port: int, ciphers: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a TLS listener whose certificate is not checked; with ciphers of one kind of key."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"ECDHE+a{ciphers}")
    return await asyncio.open_connection("127.0.0.1", port, ssl=context)


async def shown(port: int, ciphers: str = "") -> bytes:
    """The certificate that is shown on a TLS listener."""
    _, writer = await connected(port, ciphers)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    await hang_up(writer)
    return found


def test_tls_is_1_2_or_newer(tmp_path: Path) -> None:
    assert tls_context(tls(new_pair(tmp_path))).minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("spoilt", ["absent", "of another", "with a password"])
async def test_a_certificate_that_can_t_be_used_is_said_in_one_line(
    desk: Any, tmp_path: Path, spoilt: str
) -> None:
    pair = new_pair(tmp_path, password=b"secret" if spoilt == "with a password" else b"")
    key = new_pair(tmp_path, "other").private_key if spoilt == "of another" else pair.private_key
    if spoilt == "absent":
        key.unlink()
    with pytest.raises(HttpError, match=r"edge\.pem") as caught:
        await serve_app(api_app(desk), Address("127.0.0.1", 0), tls(Pair(pair.certificate, key)))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /openapi.json HTTP/1.1\r\nHost: e\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: e\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_answered_like_any_mistake_and_fills_no_log(
    api: Any, sent: bytes, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(sent)
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 400 " in head.splitlines()[0]
    assert b"X-Request-Id: " in head
    assert json.loads(body) == {"error_message": "this is no sound HTTP"}
    assert "Traceback" not in "".join(capsys.readouterr()) + caplog.text


async def test_a_port_that_is_taken_is_said_with_its_address(desk: Any) -> None:
    said = pytest.raises(HttpError, match=r"127\.0\.0\.1:\d+: ")
    with socket.create_server(("127.0.0.1", 0)) as taken, said:
        await serve(api_app(desk), "127.0.0.1", taken.getsockname()[1])
