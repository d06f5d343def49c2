# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole calls over TCP and TLS on either leg, and whom the TLS listener takes."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import CARE, FAILOVER, VOICE_AGENT, Change, Plan
from tests.calls.harness.ports import free_port
from tests.calls.harness.sip_socket import request
from tests.calls.harness.stream_socket import StreamSocket, connected, listening
from tests.calls.harness.waiting import eventually
from tests.harness.streams import hang_up
from tests.http.harness.certificates import new_pair

pytestmark = pytest.mark.calls

OUR_TLS_PORT, TLS_PORT, TCP_PORT = free_port(), free_port(), free_port()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates: ours, that of all peers, and one of a stranger."""
    folder = tmp_path_factory.mktemp("certificates")
    new_pair(folder)
    new_pair(folder, "peer", dns="bot.example")
    new_pair(folder, "stranger")
    return folder


@pytest.fixture(scope="module")
def change(files: Path) -> Change:
    """A TLS listener that wants to see certificates; a voice agent by TCP, and one by TLS."""

    def secure(plan: Plan) -> None:
        plan.agent["sip"]["listen"].append(f"tls://127.0.0.1:{OUR_TLS_PORT}")
        plan.agent["sip"]["tls"] = {
            "certificate": str(files / "edge.pem"),
            "private_key": str(files / "edge.key"),
            "ca": str(files / "peer.pem"),
            "verify_peer": True,
        }
        for name, uri in {
            "acme-care": f"sip:bot@{VOICE_AGENT}:{TCP_PORT};transport=tcp",
            "acme-failover": f"sip:bot@127.0.0.1:{TLS_PORT};transport=tls",
        }.items():
            plan.projects[name]["voice_agent"]["targets"] = [{"uri": uri}]

    return secure


def peer(files: Path, name: str = "peer") -> ssl.SSLContext:
    """How a peer with that certificate connects; none with no name."""
    context = ssl.create_default_context(cafile=str(files / "edge.pem"))
    if name:
        context.load_cert_chain(files / f"{name}.pem", files / f"{name}.key")
    return context


async def is_called(
    house: House, near: StreamSocket, far: StreamSocket, number: str, transports: tuple[str, str]
) -> None:
    """A call from one connection to the other, from its INVITE to its end by the voice agent."""
    contact = new_contact()
    uri = f"sip:{number}@127.0.0.1:{house.plan.sip}"
    caller = HandCaller(near, uri, tuple(identity(contact).split("\r\n")), 4000)
    near.on_request = caller.takes
    caller.invite()
    bot = HandVoiceAgent(far, 4002, contact)
    invite = await bot.asked("INVITE")
    assert invite.first("Via").startswith(f"SIP/2.0/{transports[1]} ")
    bot.answer(invite, 200)
    await bot.asked("ACK")
    await caller.answered("INVITE", 200)
    assert f"transport={transports[0].lower()}" in caller.answers("INVITE", 200)[0].first("Contact").lower()
    caller.in_dialog("ACK", 1)
    bot.asks("BYE", 2)
    (bye, *_) = await eventually(lambda: caller.requests("BYE"), what="BYE on the caller's connection")
    assert bye.first("Via").startswith(f"SIP/2.0/{transports[0]} ")
    await house.at_rest()


async def test_a_call_comes_by_tls_and_goes_on_by_tcp(house: House, files: Path) -> None:
    async with connected(OUR_TLS_PORT, peer(files)) as near, listening(TCP_PORT, VOICE_AGENT) as far:
        await is_called(house, near, far, CARE, ("TLS", "TCP"))


async def test_a_call_comes_by_tcp_and_goes_on_by_tls(house: House, files: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "peer.pem", files / "peer.key")
    async with connected(house.plan.sip) as near, listening(TLS_PORT, "127.0.0.1", context) as far:
        await is_called(house, near, far, FAILOVER, ("TCP", "TLS"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_it_speaks_tls_1_2_and_1_3(house: House, files: Path, version: ssl.TLSVersion) -> None:
    context = peer(files)
    context.minimum_version = context.maximum_version = version
    async with connected(OUR_TLS_PORT, context) as wire:
        wire.send(request("OPTIONS", f"sip:127.0.0.1:{house.plan.sip}", wire))
        await eventually(lambda: 200 in wire.statuses(), what="an answer")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_what_is_older_than_tls_1_2_is_refused(house: House, files: Path) -> None:
    _ = house
    context = peer(files)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # or this side would not even try
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        await asyncio.open_connection("127.0.0.1", OUR_TLS_PORT, ssl=context)


@pytest.mark.parametrize("name", ["", "stranger"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_who_has_no_certificate_of_our_authorities_gets_no_answer(
    house: House, files: Path, name: str, version: ssl.TLSVersion
) -> None:
    """By TLS 1.3 the peer learns of it only when it reads (RFC 8446 section 4.4.2.4)."""
    context = peer(files, name)
    context.minimum_version = context.maximum_version = version
    got = b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", OUR_TLS_PORT, ssl=context)
        wire = StreamSocket("TLS", "127.0.0.1")
        writer.write(request("OPTIONS", f"sip:127.0.0.1:{house.plan.sip}", wire))
        got = await asyncio.wait_for(reader.read(), 20)
        await hang_up(writer)
    except (ssl.SSLError, ConnectionError):
        pass
    assert got == b""
