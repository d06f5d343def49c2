# SPDX-License-Identifier: GPL-3.0-or-later
"""Voice agents by name, on the wire: it is kept, TLS verifies it, a dead address is followed by the next."""

from __future__ import annotations

import asyncio
import re
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.metrics import Since, total
from tests.calls.harness.plan import CARE, FAILOVER, VOICE_AGENT, Change, Plan
from tests.calls.harness.ports import free_port
from tests.calls.harness.sip_socket import SipSocket
from tests.calls.harness.waiting import eventually
from tests.harness.name_server import NameServer
from tests.harness.streams import hang_up
from tests.http.harness.certificates import new_pair

pytestmark = pytest.mark.calls

DEAD = "127.0.0.9"
COPIED = ("Via", "From", "To", "Call-ID", "CSeq")
TLS_PORT, AGENT_TLS_PORT = free_port(), free_port()


@pytest.fixture(scope="module")
def server() -> Iterator[NameServer]:
    """The name server that the agent asks."""
    with NameServer() as running:
        running.has("bot.example", DEAD, VOICE_AGENT)
        running.has("tls.example", VOICE_AGENT)
        running.has("other.example", VOICE_AGENT)
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates: two of the agent's, and one of the voice agent tls.example, which vouches for itself."""
    folder = tmp_path_factory.mktemp("certificates")
    new_pair(folder)
    new_pair(folder, "api")
    new_pair(folder, "bot", dns="tls.example")
    return folder


@pytest.fixture(scope="module")
def change(server: NameServer, files: Path) -> Change:
    """Targets by name."""

    def by_name(plan: Plan) -> None:
        plan.agent["dns"] = {"servers": [server.address]}
        plan.agent["sip"]["listen"].append(f"tls://127.0.0.1:{AGENT_TLS_PORT}")
        plan.agent["sip"]["tls"] = {
            "certificate": str(files / "edge.pem"),
            "private_key": str(files / "edge.key"),
            "ca": str(files / "bot.pem"),
            "verify_peer": True,
        }
        pair = {"certificate": str(files / "api.pem"), "private_key": str(files / "api.key")}
        plan.agent["http"]["tls"] = pair
        names = {
            "acme-failover": f"sip:bot@bot.example:{plan.first};tenant=x",
            "acme-care": f"sip:bot@tls.example:{TLS_PORT};transport=tls;tenant=x",
            "acme-lost": f"sip:bot@other.example:{TLS_PORT};transport=tls",
        }
        for name, uri in names.items():
            plan.projects[name]["voice_agent"]["targets"] = [{"uri": uri}]

    return by_name


@asynccontextmanager
async def tls_voice_agent(files: Path) -> AsyncIterator[tuple[list[str | None], list[str]]]:
    """Takes TLS connections and refuses each call; the names that were asked for (SNI), and what was said."""
    asked: list[str | None] = []
    said: list[str] = []
    open_ones: list[asyncio.StreamWriter] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "bot.pem", files / "bot.key")
    context.sni_callback = lambda _, name, __: asked.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.append(writer)
        while data := await reader.read(65536):
            said.append(data.decode(errors="replace"))
            if data.startswith(b"INVITE"):
                lines = said[-1].split("\r\n")
                kept = [
                    line for line in lines if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")
                ]
                answer = ["SIP/2.0 486 Busy Here", *kept, "Content-Length: 0", "", ""]
                writer.write("\r\n".join(answer).encode())

    listening = await asyncio.start_server(serve, VOICE_AGENT, TLS_PORT, ssl=context)
    try:
        yield asked, said
    finally:
        listening.close()
        await hang_up(*open_ones)


async def test_a_name_goes_out_as_it_was_written_and_a_dead_address_is_followed_by_the_next(
    house: House, server: NameServer
) -> None:
    before = server.asked["A", "bot.example"]
    async with (
        house.voice_agent() as bot,
        house.caller("basic_call", new_contact(), number=FAILOVER, talk=100) as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
    (invite,) = bot.received("INVITE")
    assert invite.start_line == f"INVITE sip:bot@bot.example:{house.plan.first};tenant=x SIP/2.0"
    assert invite.first("To") == "<sip:bot@bot.example;tenant=x>"
    assert invite.first("Route") == ""
    assert server.asked["A", "bot.example"] == before + 1
    row = house.records.call(caller.call_id)
    assert row is not None
    told = house.operations("GET", f"/calls/{row['call_id']}/story").json["story"]
    where = [entry["text"] for entry in told if entry["text"].startswith("bot.example is at ")]
    assert where == [f"bot.example is at udp {address}:{house.plan.first}" for address in (DEAD, VOICE_AGENT)]
    await house.at_rest(45)


async def test_a_request_from_another_address_of_the_name_is_taken(house: House) -> None:
    contact = new_contact()
    uri = f"sip:{FAILOVER}@127.0.0.1:{house.plan.sip}"
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as wire,
        SipSocket(house.plan.sip, DEAD) as other,
        SipSocket(house.plan.sip) as near,
    ):
        caller, bot = (
            HandCaller(near, uri, tuple(identity(contact).split("\r\n")), 4000),
            HandVoiceAgent(wire, 4000, contact),
        )
        near.on_request = caller.takes
        caller.invite()
        bot.answer(await bot.asked("INVITE"), 200)
        await bot.asked("ACK")
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        bot.asks("BYE", 2, of=other)
        await eventually(lambda: 200 in other.statuses(), what="the BYE is answered")
        await eventually(lambda: caller.requests("BYE"), what="the caller is let go of")
    await house.at_rest(45)


async def test_tls_sends_the_name_and_verifies_it(house: House, files: Path) -> None:
    async with tls_voice_agent(files) as (asked, said):
        async with house.caller("refused", new_contact(), number=CARE) as caller:
            await caller.succeeds()
        assert asked == ["tls.example"]
        assert said[0].startswith(f"INVITE sip:bot@tls.example:{TLS_PORT};transport=tls;tenant=x SIP/2.0\r\n")
        said.clear()
        async with house.caller("refused", new_contact(), number="9995550160") as caller:
            await caller.succeeds()
        assert asked == ["tls.example", "other.example"]
        assert said == [], "whose certificate is another's gets nothing to read"
    await house.at_rest()


@pytest.mark.parametrize("kind", ["RSA", "EC"])  # the one in use is EC, then RSA
@pytest.mark.parametrize(("name", "of"), [("edge", "sip.tls"), ("api", "http.tls")])
async def test_a_renewed_certificate_is_used_without_a_restart(
    house: House, files: Path, name: str, of: str, kind: Literal["EC", "RSA"]
) -> None:
    port = AGENT_TLS_PORT if of == "sip.tls" else house.plan.api
    before, until, since = await shown(files, port), expiry(house, of), house.watch()
    new_pair(files, name, valid=(-1.0, 48.0 if kind == "RSA" else 72.0), kind=kind)
    assert in_file(files, name) != before
    await reloaded(house, since, "loaded")
    await is_shown(files, port, in_file(files, name))
    await eventually(lambda: expiry(house, of) > until, what="the metric has its end")

    def alarmed() -> bool:
        alarms = house.operations("GET", "/alarms").json["alarms"]
        return of in [alarm["certificate"] for alarm in alarms if "certificate" in alarm]

    await eventually(alarmed, what="it is told that it ends soon")
    await eventually(lambda: not house.leftovers(), what="rest")


async def test_a_connection_to_the_api_outlives_the_renewal_of_its_certificate(
    house: House, files: Path
) -> None:
    reader, writer = await connected(files, house.plan.api)
    assert await answered(reader, writer), "from now on it may be idle for long"
    since = house.watch()
    new_pair(files, "api")
    await reloaded(house, since, "loaded")
    await is_shown(files, house.plan.api, in_file(files, "api"))
    assert await answered(reader, writer)
    await hang_up(writer)


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether a request on this connection gets 200; the answer is read to its end."""
    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    assert length is not None, head
    await reader.readexactly(int(length[1]))
    return head.startswith(b"HTTP/1.1 200 ")


async def test_half_a_renewal_is_refused_and_the_whole_one_is_used(
    house: House, files: Path, tmp_path: Path
) -> None:
    before, since = await shown(files, house.plan.api), house.watch()
    new = new_pair(tmp_path, "api")
    (files / "api.pem").write_bytes(new.certificate.read_bytes())
    await reloaded(house, since, "refused")
    assert await shown(files, house.plan.api) == before
    (files / "api.key").write_bytes(new.private_key.read_bytes())
    await is_shown(files, house.plan.api, in_file(files, "api"))


async def reloaded(house: House, since: Since, result: str) -> None:
    """Ask for a reload, and wait for one that ends so."""
    house.agent.send(signal.SIGHUP)
    name = "handoff_config_reloads_total"
    await eventually(lambda: since.moved(name, result=result) >= 1, what=f"a reload that is {result}")


async def is_shown(files: Path, port: int, certificate: bytes) -> None:
    """Wait until new connections to a TLS listener see this certificate."""

    async def seen() -> bool:
        return await shown(files, port) == certificate

    await eventually(seen, what="the certificate is shown")


def in_file(files: Path, name: str) -> bytes:
    """The certificate in that file, as `shown` gives it."""
    return ssl.PEM_cert_to_DER_cert((files / f"{name}.pem").read_text())


def expiry(house: House, of: str) -> float:
    """When that certificate of the agent's expires, by its metrics."""
    return total(house.metrics(), "handoff_certificate_expiry_timestamp_seconds", certificate=of)


async def shown(files: Path, port: int) -> bytes:
    """The certificate that the agent shows on a TLS listener."""
    _, writer = await connected(files, port)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    await hang_up(writer)
    return found


async def connected(files: Path, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A TLS connection to the agent from the voice agent named tls.example, which trusts anybody."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(files / "bot.pem", files / "bot.key")
    return await asyncio.open_connection("127.0.0.1", port, ssl=context)
