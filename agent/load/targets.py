# SPDX-License-Identifier: GPL-3.0-or-later
"""Where load may go: this machine, and hosts that the user says are theirs, also after name resolution."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from agent.core.errors import AgentError
from agent.core.hosts import loopback
from agent.core.units import bracketed, host_and_port

Transport = Literal["udp", "tcp"]
_SIP: Final = 5060
_ANSWER_SECONDS: Final = 2.0
_REPEAT_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Target:
    """Where calls go.

    Attributes:
        address: an IP address (IPv6 without brackets): what the name was resolved to, once and for all.
        named: the host as the user wrote it.
    """

    address: str
    port: int
    transport: Transport
    named: str

    def __str__(self) -> str:
        where = f"{bracketed(self.address)}:{self.port}"
        return where if self.named == self.address else f"{self.named} ({where})"


async def permitted(text: str, transport: Transport, owned: Collection[str]) -> Target:
    """Resolve ``HOST:PORT`` and see whether load may go there.

    Args:
        text: as the user wrote it; the port is 5060 if there is none.
        transport: what SIP will go over.
        owned: hosts that the user says are theirs: names as written in `text`, or addresses.

    Raises:
        AgentError: it is no address, has none, or is neither this machine nor named in `owned`.
    """
    try:
        host, port = host_and_port(text)
    except ValueError as error:
        raise AgentError(f"--target {text}: {error}") from None
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port or _SIP, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise AgentError(f"--target {text}: {host} can't be resolved: {error.strerror or error}") from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    mine = {one.strip("[]").lower() for one in owned}
    for address in addresses:
        check(address, host, mine)
    return Target(addresses[0], port or _SIP, transport, host)


def check(address: str, host: str, owned: Collection[str]) -> None:
    """Hold one address to what may be loaded.

    Raises:
        AgentError: it is neither loopback nor the user's.
    """
    ip = ip_address(address.partition("%")[0])
    if ip.is_multicast or ip.is_unspecified or address == "255.255.255.255":
        raise AgentError(f"{address} is no host of its own: name one, such as 127.0.0.1:5060")
    if loopback(address) or address.lower() in owned or host.lower() in owned:
        return
    shown = address if host == address else f"{host} ({address})"
    raise AgentError(
        f"{shown} is not this machine: load goes to loopback only, or with --i-own {host} to a host that is "
        "yours to load"
    )


def source_towards(target: Target) -> str:
    """The address of this machine that packets to a target leave from.

    Raises:
        AgentError: there is no way there.
    """
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target.address, target.port))
        except OSError as error:
            raise AgentError(f"there is no way to {target}: {error.strerror}") from None
        return str(probe.getsockname()[0])


async def answering(target: Target) -> str:
    """Ask with OPTIONS whether anybody speaks SIP there (RFC 3261 section 11).

    Returns:
        The status line of the answer.

    Raises:
        AgentError: nobody answers in time.
    """
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            ask = _ask_udp if target.transport == "udp" else _ask_tcp
            return (await ask(target)).partition(b"\r\n")[0].decode(errors="replace")
    except (TimeoutError, OSError) as error:
        why = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
        raise AgentError(
            f"nothing answers OPTIONS at {target} over {target.transport} within {_ANSWER_SECONDS:g} s{why}; "
            "is it up, and does it take calls from this address (carriers.yaml)?"
        ) from None


class _Answers(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        if data.startswith(b"SIP/2.0") and not self.first.done():
            self.first.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.first.done():
            self.first.set_exception(exc)


async def _ask_udp(target: Target) -> bytes:
    loop = asyncio.get_running_loop()
    transport, answers = await loop.create_datagram_endpoint(
        _Answers, remote_addr=(target.address, target.port)
    )
    try:
        message = _options(target, *transport.get_extra_info("sockname")[:2])
        while True:
            transport.sendto(message)
            done, _ = await asyncio.wait({answers.first}, timeout=_REPEAT_SECONDS)
            if done:
                return answers.first.result()
    finally:
        transport.close()


async def _ask_tcp(target: Target) -> bytes:
    reader, writer = await asyncio.open_connection(target.address, target.port)
    try:
        writer.write(_options(target, *writer.get_extra_info("sockname")[:2]))
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError(0, "the connection was closed") from error
    finally:
        writer.close()


def _options(target: Target, host: str, port: int) -> bytes:
    mark, here = secrets.token_hex(8), f"{bracketed(host)}:{port}"
    there = f"sip:{bracketed(target.address)}:{target.port}"
    return (
        f"OPTIONS {there} SIP/2.0\r\n"
        f"Via: SIP/2.0/{target.transport.upper()} {here};branch=z9hG4bK{mark};rport\r\n"
        f"From: <sip:load@{here}>;tag={mark}\r\nTo: <{there}>\r\nCall-ID: {mark}\r\nCSeq: 1 OPTIONS\r\n"
        f"Contact: <sip:load@{here}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()
