# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Bodies of requests: how large, how long, and what JSON may not hold."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.http import bodies
from tests.harness.streams import hang_up

HANDOFFS = "/v1/acme/acme-care/handoffs"
TRANSCRIPT = "/v1/acme/acme-care/transcript"
KEY = {"x-api-key": "care-key"}
KIB = 1024


def sized(size: int) -> bytes:
    """A good body of just so many bytes."""
    frame = json.dumps({"call_id": "call-1", "data": {"x": ""}}).encode()
    return frame.replace(b'""', b'"' + b"x" * (size - len(frame)) + b'"')


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    """A body whose length its head does not say."""
    for start in range(0, len(body), 4096):
        yield body[start : start + 4096]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "expected"), [(64 * KIB, 202), (64 * KIB + 1, 413)])
async def test_a_handoff_has_at_most_64_kib_however_it_is_sent(
    api: Any, desk: Any, size: int, expected: int, *, chunked: bool
) -> None:
    body = sized(size)
    assert len(body) == size
    status, answer, _ = await api("POST", HANDOFFS, data=in_chunks(body) if chunked else body, headers=KEY)
    assert status == expected
    assert len(desk.asked) == (expected == 202)
    if expected == 413:
        assert answer == {"error_message": "the body is larger than 64 KiB"}


@pytest.mark.parametrize(("size", "expected"), [(1000 * KIB, 202), (1024 * KIB + 1, 413)])
async def test_a_transcript_has_at_most_1_mib(api: Any, size: int, expected: int) -> None:
    entries = [{"who": "bot", "text": "x" * 10_000}] * 110
    frame = json.dumps({"call_id": "call-1", "entries": entries[: size // 10_100]}).encode()
    status, _, _ = await api("POST", TRANSCRIPT, data=io.BytesIO(frame.ljust(size)), headers=KEY)
    assert status == expected


async def test_an_endless_body_is_given_up_at_the_limit(api: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = f"POST {HANDOFFS} HTTP/1.1\r\nHost: e\r\nx-api-key: care-key\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode())
    for _ in range(17):
        writer.write(b"1000\r\n" + b" " * 4096 + b"\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    await hang_up(writer)


async def test_a_body_that_does_not_come_is_given_up(
    api: Any, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "READ_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = f"POST {HANDOFFS} HTTP/1.1\r\nHost: e\r\nx-api-key: care-key\r\nContent-Length: 100\r\n\r\n{{"
    writer.write(head.encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    await hang_up(writer)
    assert desk.asked == []


async def test_a_client_that_goes_away_in_its_body_leaves_nothing_behind(
    api: Any, desk: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = f"POST {HANDOFFS} HTTP/1.1\r\nHost: e\r\nx-api-key: care-key\r\nContent-Length: 100\r\n\r\n{{"
    writer.write(head.encode())
    await writer.drain()
    await hang_up(writer)
    await api.server.aclose()
    assert desk.asked == []
    assert "Traceback" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
async def test_a_compressed_body_is_refused_before_it_could_grow(api: Any, encoding: str) -> None:
    body = gzip.compress(b" " * 10_000_000)
    headers = KEY | {"Content-Encoding": encoding}
    status, answer, _ = await api("POST", HANDOFFS, data=body, headers=headers)
    assert (status, set(answer)) == (415, {"error_message"})


async def test_a_body_that_is_no_sound_http_is_no_fault_of_ours(api: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = f"POST {HANDOFFS} HTTP/1.1\r\nHost: e\r\nx-api-key: care-key\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode() + b"zz\r\n")
    assert b" 400 " in await reader.readline()
    await hang_up(writer)


@pytest.mark.parametrize(
    ("body", "field", "error"),
    [
        (r'{"call_id": "c", "reason": "x\u0000"}', "reason", "U+0000"),
        (r'{"call_id": "c", "destination": "CARE\r\nX-Evil: 1"}', "destination", "one line"),
        (r'{"call_id": "c", "skill": "a\tb"}', "skill", "one line"),
        (r'{"call_id": "c", "data": {"a": "\ud800"}}', "data.a", "surrogate"),
        (r'{"call_id": "c", "data": {"\ud800": 1}}', "data", "surrogate"),
        ('{"call_id": "c", "data": {"a": 1e999}}', "data.a", "too large"),
        ('{"call_id": "c", "data": {"a": ' + "[" * 40 + "]" * 40 + "}}", "data.a.0", "levels"),
        ('{"call_id": "c\\u0007d"}', "call_id", "one line"),
        ('{"call_id": "c", "shared_id": "a\\nb"}', "shared_id", "one line"),
    ],
)
async def test_what_could_not_be_given_back_is_refused_with_its_field(
    api: Any, desk: Any, body: str, field: str, error: str
) -> None:
    status, answer, _ = await api("POST", HANDOFFS, data=body, headers=KEY)
    assert status == 422
    (found,) = answer["fields"]
    assert found["field"].startswith(field)
    assert error in found["error"]
    assert desk.asked == []


async def test_a_body_of_very_many_values_is_refused_without_a_look_at_all_of_them(api: Any) -> None:
    body = b'{"call_id": "c", "entries": [' + b"0," * 400_000 + b"0]}"
    status, answer, _ = await api("POST", TRANSCRIPT, data=body, headers=KEY)
    assert (status, len(answer["fields"])) == (422, 1)
    assert "more than 20000 values" in answer["fields"][0]["error"]


async def test_a_body_with_mistakes_all_over_gets_an_answer_of_bounded_size(api: Any) -> None:
    body = json.dumps({"call_id": "c", "data": {"a": ["\ud800"] * 5000}})
    status, answer, _ = await api("POST", HANDOFFS, data=body, headers=KEY)
    assert (status, len(answer["fields"])) == (422, 50)
