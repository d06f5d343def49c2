# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at this machine: ports, descriptors, buffers, storage, audio; sends nothing anywhere."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.cli.database import safety_of
from agent.cli.findings import Finding, Health
from agent.cli.operations import Operations
from agent.cli.storage import in_use, opened, sqlite_path
from agent.cli.where import Where
from agent.core.descriptors import needed
from agent.core.errors import StorageError
from agent.core.model import Snapshot
from agent.core.replication import NO_DATABASE, Replication
from agent.core.units import PortRange
from agent.delivery.queries import CallQuery

_IPV4: Final = Path("/proc/sys/net/ipv4")
_CORE: Final = Path("/proc/sys/net/core")
_BUFFER: Final = 4_194_304
"""What the SIP socket asks for (deploy/pjsua2/config_site.h); the kernel gives at most rmem_max, wmem_max."""
_LEAST_FREE: Final = 256 * 1024 * 1024


def examine_machine(snapshot: Snapshot) -> Iterator[Finding]:
    """All steps, in the order of a start."""
    running = Operations.of(Where.of(snapshot)).running
    yield from _ports(snapshot, running=running)
    yield _storage(snapshot, running=running)
    yield _rtp(snapshot)
    yield _descriptors(snapshot)
    yield from _buffers()
    yield _audio(snapshot)


def _found(step: str, health: Health, said: str, cause: str = "", remedy: str = "") -> Finding:
    return Finding("machine", step, health, said, cause, remedy)


def _ports(snapshot: Snapshot, *, running: bool) -> Iterator[Finding]:
    http = snapshot.agent.http
    wanted = [(str(one), one.transport == "udp", one.host, one.port) for one in snapshot.agent.sip.listen]
    for name, address in (("api", http.api), ("operations", http.operations)):
        wanted.append((f"http.{name} {address}", False, address.host, address.port))
    if running:
        yield _found("ports", Health.OK, f"the agent is running, on {http.operations}: not tried")
        return
    taken = 0
    for name, datagrams, host, port in wanted:
        problem = _bind(datagrams=datagrams, host=host, port=port)
        if problem is None:
            continue
        taken += 1
        busy = problem.errno == errno.EADDRINUSE
        yield _found(
            "ports",
            Health.FAILED,
            f"{name}: {problem.strerror or problem}",
            "another process listens there" if busy else "not an address of this machine, or not permitted",
            f"see who: ss -lnp 'sport = :{port}'" if busy else "correct the address in agent.yaml",
        )
    if not taken:
        yield _found("ports", Health.OK, f"all {len(wanted)} listeners can be opened; no agent is running")


def _bind(*, datagrams: bool, host: str, port: int) -> OSError | None:
    kind = socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind) as tried:
            if not datagrams:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
            if not datagrams:
                tried.listen()
    except OSError as error:
        return error
    return None


def _storage(snapshot: Snapshot, *, running: bool) -> Finding:
    path = sqlite_path(Where.of(snapshot))
    if path is None or path.exists():
        try:
            replication = asyncio.run(_open(snapshot))
        except StorageError as error:
            return _found(
                "storage",
                Health.FAILED,
                str(error),
                "it belongs to another user, or is not a storage of this agent"
                if path is not None
                else "none of its servers is a primary that lets this role in",
                "run this as the agent's user; check storage in agent.yaml"
                if path is not None
                else "see its log and pg_isready; promote a standby if the primary is gone for good",
            )
        if path is None:
            return safety_of(replication or NO_DATABASE)
        if not running and in_use(Where.of(snapshot)):
            return _found(
                "storage",
                Health.FAILED,
                f"{path} is in use by an agent with another listener",
                "two agents have the same file",
                "give each agent its own storage",
            )
    folder = next((one for one in path.parents if one.exists()), Path("/"))
    if not path.exists() and not os.access(folder, os.W_OK | os.X_OK):
        return _found(
            "storage",
            Health.FAILED,
            f"{path} can't be created: {folder} is not writable for this user",
            "the folder belongs to another user",
            "create it for the agent's user, mode 0700",
        )
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE:
        said = f"{folder} has {free // 1024 // 1024} MiB left"
        return _found(
            "storage", Health.FAILED, said, "the disk is nearly full", "make room; a full disk refuses calls"
        )
    what = "is writable" if path.exists() else "will be created"
    return _found("storage", Health.OK, f"{path} {what}; {free // 1024**2} MiB free")


async def _open(snapshot: Snapshot) -> Replication | None:
    async with opened(Where.of(snapshot)) as store:
        await store.calls(CallQuery(limit=1))
        return await store.replication()


def _rtp(snapshot: Snapshot) -> Finding:
    ports = snapshot.agent.media.rtp_ports
    numbers = _numbers(_IPV4 / "ip_local_port_range")
    if len(numbers) != 2:  # noqa: PLR2004 - low and high
        return _found("rtp ports", Health.NOTE, f"{ports}; the kernel's own range can't be read")
    shared = PortRange(max(ports.low, numbers[0]), min(ports.high, numbers[1]))
    if shared.count <= 0:
        return _found(
            "rtp ports", Health.OK, f"{ports} does not overlap the kernel's own {numbers[0]}-{numbers[1]}"
        )
    reserved = _text(_IPV4 / "ip_local_reserved_ports")
    if _covers(reserved, shared):
        return _found("rtp ports", Health.OK, f"{ports}: {shared} is reserved from the kernel's own range")
    return _found(
        "rtp ports",
        Health.NOTE,
        f"{ports} shares {shared} with net.ipv4.ip_local_port_range {numbers[0]}-{numbers[1]}",
        "a port may be taken by an outgoing connection now and then",
        f"move media.rtp_ports, or sysctl net.ipv4.ip_local_reserved_ports={shared}",
    )


def _covers(reserved: str, wanted: PortRange) -> bool:
    for part in reserved.split(","):
        low, _, high = part.strip().partition("-")
        if low.isdigit() and int(low) <= wanted.low and int(high or low) >= wanted.high:
            return True
    return False


def _descriptors(snapshot: Snapshot) -> Finding:
    wanted = needed(snapshot.agent)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # the agent raises the soft limit to it
    calls, connections = snapshot.agent.limits.calls, snapshot.agent.http.connections
    said = (
        f"{hard} file descriptors here; limits.calls {calls} and http.connections {connections} "
        f"need about {wanted}"
    )
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return _found("descriptors", Health.OK, said)
    return _found(
        "descriptors",
        Health.FAILED,
        said,
        "the limit of this shell or service is the system's default",
        f"ulimit -Hn {wanted} as root; in a systemd unit LimitNOFILE={wanted}",
    )


def _buffers() -> Iterator[Finding]:
    for name in ("rmem_max", "wmem_max"):
        numbers = _numbers(_CORE / name)
        if not numbers:
            yield _found("buffers", Health.NOTE, f"net.core.{name} can't be read")
        elif numbers[0] < _BUFFER:
            yield _found(
                "buffers",
                Health.NOTE,
                f"net.core.{name} is {numbers[0]}; the SIP socket asks for {_BUFFER}",
                "the kernel's default: a burst of INVITEs may lose packets",
                f"sysctl -w net.core.{name}={_BUFFER}",
            )
        else:
            yield _found("buffers", Health.OK, f"net.core.{name} is {numbers[0]}")


def _audio(snapshot: Snapshot) -> Finding:
    files = {project.handoff.comfort_audio for project in snapshot.projects.values()} - {"tone", "silence"}
    # Whether each is 16-bit mono WAV was found out when the configuration was read.
    unreadable = sorted(file for file in files if not os.access(file, os.R_OK))
    if unreadable:
        said = f"can't be read: {', '.join(unreadable)}"
        return _found(
            "audio", Health.FAILED, said, "file permissions", "make it readable for the agent's user"
        )
    said = f"{len(files)} comfort audio files are readable" if files else "comfort audio needs no files"
    return _found("audio", Health.OK, said)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _numbers(path: Path) -> list[int]:
    try:
        return [int(word) for word in _text(path).split()]
    except ValueError:
        return []
