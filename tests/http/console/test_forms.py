# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Forms that are too large, too old, or none; and the files of the package."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.http.console import pages
from agent.http.console.assets import VERSION

PAGE = {"Accept": "text/html"}
PART = b"--x\r\n"
CHARSET = b'Content-Disposition: form-data; name="_charset_"\r\n\r\n'


async def post(console: Any, data: Any, **headers: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(console.base + "/console/drain", data=data, headers={**PAGE, **headers}) as answer,
    ):
        return answer.status, await answer.text()


async def csrf(console: Any) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', await console.page("/"))
    assert found is not None
    return found[1]


async def test_a_form_that_is_too_large_is_refused_as_a_page(console: Any, desk: Any) -> None:
    status, text = await post(console, {"csrf": await csrf(console), "why": "x" * 20_000})
    assert (status, "this form takes 16 KiB at most" in text, "<h1>" in text) == (413, True, True)
    assert not desk.drained


async def test_a_form_may_come_in_parts(console: Any, desk: Any) -> None:
    data = aiohttp.FormData({"csrf": await csrf(console), "why": "ü"}, default_to_multipart=True)
    assert (await post(console, data))[0] == 200  # after the redirect
    assert desk.drained
    assert console.audit.newest()[0].why == "ü"


async def test_parts_that_are_too_large_are_refused_too(console: Any, desk: Any) -> None:
    data = aiohttp.FormData(default_to_multipart=True)
    data.add_field("file", b"x" * 20_000, filename="map.yaml")
    assert (await post(console, data))[0] == 413
    assert not desk.drained


async def test_what_stands_around_parts_counts_too(console: Any, desk: Any) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"a\r\n" * 1000

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await post(console, endless(), **headers))[0] == 413
    assert not desk.drained


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"why=%ff", "application/x-www-form-urlencoded", 400),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=b" for _ in range(100)), "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 415),
        (b"", "application/x-www-form-urlencoded", 403),
        (b"junk", "multipart/form-data; boundary=x", 400),
        (b"", "multipart/form-data", 400),
        (PART + b"bad head\r\n\r\nv\r\n--x--\r\n", "multipart/form-data; boundary=x", 400),
        (PART + b"a: " + b"b" * 9000 + b"\r\n\r\nv\r\n--x--\r\n", "multipart/form-data; boundary=x", 400),
        (PART + b"a: b\r\n" * 200 + b"\r\nv\r\n--x--\r\n", "multipart/form-data; boundary=x", 400),
        (PART + CHARSET + b"v" * 40 + b"\r\n--x--\r\n", "multipart/form-data; boundary=x", 403),
        (PART + CHARSET + b"v\r\n", "multipart/form-data; boundary=x", 400),
        (PART + CHARSET + b"\xff\r\n--x--\r\n", "multipart/form-data; boundary=x", 400),
        ((PART + CHARSET + b"v\r\n") * 60 + b"--x--\r\n", "multipart/form-data; boundary=x", 400),
    ],
)
async def test_what_is_no_form_of_ours_changes_nothing(
    console: Any, desk: Any, body: bytes, kind: str, status: int
) -> None:
    headers = {"Content-Type": kind}
    assert (await post(console, body, **headers))[0] == status
    assert not desk.drained


async def test_style_and_script_come_from_the_package_and_are_kept(console: Any) -> None:
    async with aiohttp.ClientSession() as session:
        for name, kind in (
            ("console.css", "text/css"),
            ("console.js", "text/javascript"),
            ("icon.svg", "image/svg+xml"),
        ):
            async with session.get(f"{console.base}/console/assets/{name}?v={VERSION}") as answer:
                assert answer.status == 200
                assert answer.content_type == kind
                assert "immutable" in answer.headers["Cache-Control"]
        async with session.get(f"{console.base}/console/assets/..%2Fpages.py") as answer:
            assert answer.status == 404


def test_no_template_has_what_the_policy_forbids() -> None:
    for path in (Path(pages.__file__).parent / "templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", text), path.name
        assert "<script>" not in text, path.name
        assert "|safe" not in text.replace(" ", ""), path.name
