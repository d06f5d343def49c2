# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection of HTTP/1.1 (RFC 9112): a request goes out and its answer comes in, one after the other.

llhttp reads the answer (`httptools`). What is no HTTP is no answer. A status that came counts even when the
body breaks off or never ends. Bytes that nobody asked for close the connection: they must never be taken for
the answer to the next request. So it is where they are there before the request is written, read by the loop
or not (`Connection.usable`). HTTP/1.1 has nothing that ties an answer to its request: what a far end sends
unasked and arrives later, or before the first request of a connection, counts as the answer.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from agent.core.failures import Failure
from agent.web.answer import Fields, Response
from agent.web.failures import NoAnswerError

_LONGEST_HEAD: Final = 65_536
_SWITCHING: Final = 101
_FINAL: Final = 200
_CHUNKED_MOST: Final = 8
"""Bytes on the wire for one of the body: chunks of one byte each take six."""


class Connection(asyncio.Protocol):
    """A connection; used on the loop.

    Args:
        plain: the socket below, which the transport owns.
        gone: called once it is closed, by whichever side.

    Attributes:
        reusable: whether the exchange before is over, and another one may follow.
        idle_since: when it was put by, on the loop's clock.
        deadline: when the exchange under way is to be over.
    """

    def __init__(self, plain: socket.socket, gone: Callable[[Connection], None]) -> None:
        self._plain, self._gone = plain, gone
        self._loop = asyncio.get_running_loop()
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[Response] | None = None
        self.reusable = True
        self._limit = self._read = 0
        self._whole = False
        self._forget()
        self.idle_since = self.deadline = 0.0

    # -- who asks --------------------------------------------------------------------------------------------

    def exchange(self, request: bytes, limit: int) -> asyncio.Future[Response]:
        """Let a request leave now; none other may be under way.

        Args:
            request: all its bytes.
            limit: how many bytes of the answer's body are wanted.

        Returns:
            The answer to come, or a `NoAnswerError` whose ``may_have_left`` is true: from here on, bytes may
            have left this machine.
        """
        self._waiter = waiter = self._loop.create_future()
        self._limit, self._read = limit, 0
        self.reusable = self._whole = False
        self._forget()
        self._transport.write(request)
        return waiter

    @property
    def up(self) -> bool:
        """Whether it is open as far as the loop knows, and no request is under way."""
        return self.reusable and not self._transport.is_closing()

    def usable(self) -> bool:
        """Whether a request may go out: no other is under way, and the far end has not closed it.

        Looks into the socket, for what the loop has not read yet: a far end that closed a moment ago would
        leave us in doubt about a request that it never read. Whatever waits there is no answer to us.
        """
        if not self.up:
            return False
        try:
            self._plain.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def expire(self) -> None:
        """The time of the exchange is over."""
        if self._waiter is not None:
            self._end_by(Failure.TIMEOUT.value)

    def abort(self) -> None:
        """Close it at once, whatever is under way."""
        self.reusable = False
        self._transport.abort()

    def close(self) -> None:
        """Close it; it is idle."""
        self.reusable = False
        self._transport.close()

    # -- asyncio's callbacks ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is up, TLS included."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._waiter is None:
            self.abort()
            return
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._whole, self._kept = True, False
        except HttpParserError:
            self._kept = False
            if not self._whole:
                self._fail("the exchange failed (what came is no HTTP)")
                return
        if self._whole or (self._status and self._length >= self._limit):
            self._finish()
        elif self._read > _LONGEST_HEAD + (_CHUNKED_MOST * self._limit if self._status else 0):
            self._end_by("the exchange failed (what came is too long)")

    def connection_lost(self, error: Exception | None) -> None:
        """It is closed."""
        self.reusable = False
        if self._status_came and self._until_closed and error is None:
            self._kept = False
            self._finish()
        else:
            self._end_by(Failure.LOST.value)
        del self._parser  # they know each other, and the cyclic GC seldom comes
        self._gone(self)

    # -- llhttp's callbacks ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins; a second one is none of ours."""
        self._kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; those of a trailer (RFC 9112 section 7.1.2) are passed over."""
        if not self._status:
            self._fields.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        """The head is whole; 1xx announces another one (RFC 9110 section 15.2), except for 101."""
        if not self._whole:
            status = self._parser.get_status_code()
            self._interim = status < _FINAL and status != _SWITCHING
            self._status = 0 if self._interim else status

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        if not self._whole and self._length < self._limit:
            self._parts.append(part)
            self._length += len(part)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._interim:
            self._forget()
        elif not self._whole:
            self._whole, self._kept = True, self._parser.should_keep_alive()

    # -- inside ----------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._fields: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._length = self._status = 0
        self._interim = self._kept = False

    @property
    def _status_came(self) -> bool:
        return self._waiter is not None and self._status != 0

    @property
    def _until_closed(self) -> bool:
        """Whether the end of the connection is the end of the body (RFC 9112 section 6.3)."""
        return b"content-length" not in self._fields and b"transfer-encoding" not in self._fields

    def _end_by(self, words: str) -> None:
        """The rest of the answer does not come."""
        if self._status_came:
            self._parts.clear()
            self._kept = False
            self._finish()
        else:
            self._fail(words)

    def _finish(self) -> None:
        waiter, self._waiter, transport = self._waiter, None, self._transport
        if self._whole and self._kept and not transport.is_closing():
            # A server may answer before it has read all; what is left of the request must not be in the way.
            self.reusable = transport.get_write_buffer_size() == 0
        if waiter is not None and not waiter.done():
            body = b"".join(self._parts)[: self._limit]
            waiter.set_result(Response(self._status, Fields(self._fields), body))
        if not self.reusable:
            transport.abort()

    def _fail(self, words: str) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(NoAnswerError(words, may_have_left=True))
        self.abort()
