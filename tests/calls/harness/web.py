# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP on 127.0.0.1 as tests need it: one small blocking request, its status, headers and JSON."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - the shape of JSON is what the test asserts
        """The body, parsed."""
        return json.loads(self.text)


def ask(
    port: int, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """One request to 127.0.0.1.

    Raises:
        OSError: nobody listens there, or it did not answer within twenty seconds.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        text = None if body is None else json.dumps(body)
        content = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, path, text, {**content, "Connection": "close", **(headers or {})})
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, found, answer.read().decode(errors="replace"))
    finally:
        connection.close()


def answers(port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        return ask(port, "GET", path).status == 200
    except (OSError, http.client.HTTPException):
        return False
