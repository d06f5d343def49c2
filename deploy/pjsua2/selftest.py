#!/usr/bin/env python3
"""Proves a pjsua2 wheel of ours: capacity, codecs, every rule of the guard, the trace.

    python selftest.py          with the wheel importable; exit code 0 and one line when all is well

Starts one endpoint on loopback addresses and free ports, as the agent does (no worker threads, epoll),
and talks to it with plain sockets. Runs on every flavour; with asserts on, a packet that trips one ends
the process, which is the point.
"""

import ctypes
import faulthandler
import ipaddress
import itertools
import os
import re
import select
import socket
import sys
import threading
import time

import pjsua2 as pj

KNOWN, STRANGER = "127.0.0.1", "127.0.0.2"
MESSAGE_BYTES = 100_000
SERVED = {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "INFO", "PRACK", "REFER", "NOTIFY"}
numbers = itertools.count(1)
failures = []
callback_threads = set()


def check(what, got, wanted=True):
    if got != wanted:
        failures.append(f"{what}: got {got!r:.300}, wanted {wanted!r:.300}")
        print(f"FAIL {failures[-1]}", file=sys.stderr)


# ---- The endpoint --------------------------------------------------------------------------------


class Call:
    """One of ours, or one that came."""

    def __init__(self, number=-1):
        self.number = number

    def makeCall(self, uri, headers=""):
        self.number = pj.handoff_call_dial(stack.account.getId(), uri, "", headers, 0)
        check(f"dialled {uri}", self.number >= 0)

    def hangup(self):
        pj.handoff_call_end(self.number, 0, "", "")


def listen(kind, number, a, b, c, text, more):
    """What calls tell."""
    callback_threads.add(threading.get_native_id())
    if kind == pj.HANDOFF_INCOMING:
        stack.calls.append(Call(number))
        return pj.handoff_call_answer(number, stack.answer_code, "", stack.latch) == 0
    if kind == pj.HANDOFF_MEDIA:
        slot = pj.handoff_leg_audio(number)
        pj.handoff_audio_connect(slot, slot, 1)
    elif kind == pj.HANDOFF_STREAM_GOING:
        stack.streams.append(pj.handoff_leg_traffic(number))
    elif kind == pj.HANDOFF_ENDED:
        stack.ended.append((number, a))
    elif kind == pj.HANDOFF_DIGIT:
        if text != stack.held:
            stack.digits.append(text)
        stack.held = "" if b else text
    elif kind == pj.HANDOFF_REQUEST:
        stack.requests.append(text)
        stack.said.append(stack.say())
    return False


class Stack:
    """The endpoint, its ports, and the calls that came in."""

    def __init__(self):
        self.calls, self.digits, self.answer_code = [], [], 486
        self.requests, self.said, self.say = [], [], lambda: None
        self.streams, self.ended, self.held, self.latch = [], [], "", 0
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt, config.uaConfig.mainThreadOnly = 0, True
        config.uaConfig.maxCalls, config.uaConfig.userAgent = 64, "selftest"
        config.uaConfig.mwiUnsolicitedEnabled = False
        config.medConfig.maxMediaPorts, config.medConfig.clockRate = 128, 8000
        config.medConfig.sndClockRate, config.medConfig.threadCnt = 8000, 1
        config.medConfig.noVad, config.medConfig.ecTailLen = True, 0
        config.logConfig.level = config.logConfig.consoleLevel = int(os.environ.get("SELFTEST_LOG", "0"))
        self.endpoint.libInit(config)
        check("guard install", pj.handoff_guard_install(), 0)
        check("guard install again", pj.handoff_guard_install(), 0)
        check("trace install", pj.handoff_trace_install(MESSAGE_BYTES), 0)
        pj.handoff_requests_install()
        pj.handoff_calls_listen(listen)
        check("calls install", pj.handoff_calls_install(), 0)
        check("resolve install", pj.handoff_resolve_install(), 0)
        self.endpoint.audDevManager().setNullDev()
        self.udp_port = self.listen(pj.PJSIP_TRANSPORT_UDP)
        self.tcp_port = self.listen(pj.PJSIP_TRANSPORT_TCP)
        self.endpoint.libStart()
        pointer = ctypes.cast(int(self.endpoint.libGetSipIoqueueHandle()), ctypes.POINTER(ctypes.c_int))
        self.epoll = pointer[0]
        account = pj.AccountConfig()
        account.idUri = "sip:selftest@127.0.0.1"
        account.mediaConfig.srtpUse, account.mediaConfig.srtpSecureSignaling = pj.PJMEDIA_SRTP_OPTIONAL, 0
        account.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        self.account = pj.Account()
        self.account.create(account)

    def listen(self, kind):
        config = pj.TransportConfig()
        config.port, config.boundAddress = 0, ("127.0.0.1" if kind != pj.PJSIP_TRANSPORT_UDP else "0.0.0.0")
        transport = self.endpoint.transportCreate(kind, config)
        return int(self.endpoint.transportGetInfo(transport).localName.rsplit(":", 1)[1])

    def turn(self, seconds):
        """Poll as the agent's loop does: when the descriptor is readable, and for timers."""
        until = time.monotonic() + seconds
        while True:
            select.select([self.epoll], [], [], 0.005)
            self.endpoint.libHandleEvents(0)
            pj.handoff_calls_deliver()
            if time.monotonic() >= until:
                return

    def close(self):
        self.endpoint.hangupAllCalls()
        self.turn(0.2)
        self.calls.clear()
        self.account.shutdown()
        self.endpoint.libDestroy()


# ---- A peer of plain sockets ---------------------------------------------------------------------


def message(method, *, to_tag="", headers=(), body="", length=None, branch=None, call_id=None, cseq="1", cseq_method=None,
            hops="70", uri="sip:9995550100@127.0.0.1", vias=(), source=KNOWN, port=5060, from_tag="a1"):
    n = next(numbers)
    tag = f";tag={to_tag}" if to_tag else ""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {source}:{port};rport;branch={branch or f'z9hG4bK-selftest-{n}'}",
        *vias,
        f"From: <sip:caller@{source}>;tag={from_tag}",
        f"To: <sip:9995550100@127.0.0.1>{tag}",
        f"Call-ID: {call_id or f'call-{n}@selftest'}",
        f"CSeq: {cseq} {cseq_method or method}",
        f"Contact: <sip:caller@{source}:{port}>",
        *([f"Max-Forwards: {hops}"] if hops else []),
        *headers,
        f"Content-Length: {len(body) if length is None else length}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n{more}"
SDP_TYPE = ["Content-Type: application/sdp"]


def offer(port=40000, formats="0 101", more="a=rtpmap:101 telephone-event/8000\r\n"):
    return SDP.format(port=port, formats=formats, more=more)


class Peer:
    all = []  # kept, so that no later one gets a port to which an earlier one's answers are still repeated

    def __init__(self, source):
        Peer.all.append(self)
        self.source = source
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((source, 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def send(self, data, seconds=0.05):
        """Send and return every answer that comes within the time."""
        self.socket.sendto(data, ("127.0.0.1", stack.udp_port))
        return self.receive(seconds)

    def receive(self, seconds=0.05):
        stack.turn(seconds)
        answers = []
        while True:
            try:
                answers.append(self.socket.recv(65536).decode("latin-1"))
            except BlockingIOError:
                return answers

    def ask(self, method, **options):
        return self.send(message(method, source=self.source, port=self.port, **options))

    def answer(self, request, status="200 OK", headers=(), body="", tag=""):
        """Answer a request, and return what comes then."""
        kept = [line for line in request.split("\r\n") if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq", "Record-Route")]
        if tag:
            kept = [f"{line};tag={tag}" if line.startswith("To:") else line for line in kept]
        lines = [f"SIP/2.0 {status}", *kept, *headers, f"Content-Length: {len(body)}", "", body]
        return self.send("\r\n".join(lines).encode(), 0.1)


def codes(answers):
    return [int(answer.split()[1]) for answer in answers if answer.startswith("SIP/2.0 ")]


def header(answer, name):
    found = re.search(rf"^{name}:[ \t]*(.*?)\r$", answer, re.M | re.I)
    return found[1] if found else None


def counters():
    names = itertools.takewhile(bool, map(pj.handoff_guard_counter_name, itertools.count()))
    return {name: pj.handoff_guard_counter(index) for index, name in enumerate(names)}


class Counts:
    """Checks by how much counters rise inside the block; those that are not named must not move."""

    def __init__(self, what, **wanted):
        self.what, self.wanted = what, wanted

    def __enter__(self):
        self.before = counters()

    def __exit__(self, *error):
        moved = {name: value - self.before[name] for name, value in counters().items() if value != self.before[name]}
        if error[0] is None:
            check(f"counters of {self.what}", moved, self.wanted)


# ---- What is proved ------------------------------------------------------------------------------


def prove_build():
    check("calls", pj.handoff_guard_capacity(0) >= 4000)
    check("conference ports", pj.handoff_guard_capacity(1) >= pj.handoff_guard_capacity(0))
    check("descriptors", pj.handoff_guard_capacity(2) >= 2 * pj.handoff_guard_capacity(0))
    check("packet", pj.handoff_guard_capacity(3), 16000)
    check("no such capacity", pj.handoff_guard_capacity(99), -1)
    check("no such counter", (pj.handoff_guard_counter(-1), pj.handoff_guard_counter_name(999)), (0, None))
    codecs = {codec.codecId for codec in stack.endpoint.codecEnum2()}
    for codec in ("PCMU/8000/1", "PCMA/8000/1", "G722/16000/1", "opus/48000/2"):
        check(f"codec {codec}", codec in codecs)
    check("codecs that should be out", [codec for codec in codecs if re.match("L16|iLBC|G7221", codec)], [])
    check("SRTP", len(stack.endpoint.srtpCryptoEnum()) > 0)
    check("TLS", stack.listen(pj.PJSIP_TRANSPORT_TLS) > 0)
    check("no certificate to renew", pj.handoff_tls_reload(), "")


def prove_sources():
    table = pj.handoff_guard_set_sources
    for wrong in ("10.0.0.0/33", "10.0.0", "::1/129", "host", "10.0.0.1/", "10.0.0.1/x", "10.0.0.1/-1", "1.2.3.4/24/8",
                  "127.0.0.1 nonsense", "/8", "10.0.0.1,10.0.0.2"):
        check(f"sources {wrong!r}", table(wrong), -1)
    check("empty table", table(" \n "), 0)
    check("table", table("10.0.0.0/8\t2001:db8::/32\n192.0.2.1  ::1"), 4)
    peer = Peer(KNOWN)
    with Counts("unknown", unknown_source=1):
        check("unknown", peer.ask("OPTIONS"), [])
    for cidr in ("127.0.0.0/8", "127.0.0.1/32", "0.0.0.0/0", "127.0.0.0/31", "126.0.0.0/7"):
        table(cidr)
        check(f"in {cidr}", codes(peer.ask("OPTIONS")), [200])
    for cidr in ("127.0.0.0/32", "128.0.0.0/1", "::/0", "127.0.0.2/31"):
        table(cidr)
        check(f"not in {cidr}", codes(peer.ask("OPTIONS")), [])
    check("bad entry leaves the table", (table("127.0.0.1"), table("127.0.0.1 bad")), (1, -1))
    check("still in", codes(peer.ask("OPTIONS")), [200])
    check("many", table(" ".join(str(ipaddress.ip_address(i)) for i in range(2**24, 2**24 + 5000))), 5000)
    table(KNOWN)


def prove_strangers():
    stranger = Peer(STRANGER)
    invite = message("INVITE", source=STRANGER, port=stranger.port, headers=SDP_TYPE, body=offer())
    with Counts("stranger", unknown_source=1):
        check("stranger's INVITE", stranger.send(invite) + stranger.send(invite), [])
    with Counts("stray", stray=1):
        check("stranger's BYE", stranger.ask("BYE", to_tag="x"), [])
    pj.handoff_guard_set_unknown_source(1)
    check("stranger's INVITE, 403", codes(stranger.ask("INVITE")), [403])
    check("stranger's OPTIONS, 403", codes(stranger.ask("OPTIONS")), [403])
    check("stranger's ACK", stranger.ask("ACK"), [])
    pj.handoff_guard_set_unknown_source(0)
    check("stranger's response", stranger.send(b"SIP/2.0 200 OK\r\n" + message("INVITE", source=STRANGER).split(b"\r\n", 1)[1]), [])


def prove_options():
    peer = Peer(KNOWN)
    with Counts("OPTIONS", options_answered=1):
        (answer,) = peer.ask("OPTIONS")
    check("OPTIONS", codes([answer]), [200])
    check("Accept", header(answer, "Accept"), "application/sdp")
    check("Allow", "INVITE" in (header(answer, "Allow") or "") and "REGISTER" not in header(answer, "Allow"))
    check("Supported", bool(header(answer, "Supported")))
    pj.handoff_guard_set_state(0, 7)
    (answer,) = peer.ask("OPTIONS")
    check("OPTIONS when closed", (codes([answer]), header(answer, "Retry-After")), ([503], "7"))
    pj.handoff_guard_set_state(1, 7)


def prove_admission():
    peer = Peer(KNOWN)
    for cause, name in enumerate(("draining", "over_limit", "not_ready")):
        pj.handoff_guard_set_cause(cause)
        pj.handoff_guard_set_state(0, 3)
        invite = message("INVITE", source=KNOWN, port=peer.port, headers=SDP_TYPE, body=offer())
        with Counts(name, **{name: 1, "invites_repeated": 2}):
            answers = peer.send(invite) + peer.send(invite)
            pj.handoff_guard_set_state(1, 3)
            answers += peer.send(invite)  # the same request never gets another answer
        check(name, codes(answers), [503] * 3)
        check(f"{name}, Retry-After", header(answers[0], "Retry-After"), "3")
    with Counts("calls that are let in", invites_admitted=1, invites_repeated=1):
        invite = message("INVITE", source=KNOWN, port=peer.port, headers=SDP_TYPE, body=offer())
        check("call", codes(peer.send(invite, 0.2)), [100, 486])
        pj.handoff_guard_set_state(0, 3)
        check("retransmission while closed", codes(peer.send(invite)), [486])
    pj.handoff_guard_set_state(1, 3)
    peer.send(message("ACK", branch=re.search(rb"branch=([^\r;]+)", invite)[1].decode(), call_id=header(invite.decode(), "Call-ID")))


def prove_rate():
    peer = Peer(KNOWN)
    pj.handoff_guard_set_rate(1, 2)
    invites = [message("INVITE", source=KNOWN, port=peer.port, headers=SDP_TYPE, body=offer()) for _ in range(3)]
    with Counts("rate", invites_admitted=2, over_limit=1, invites_repeated=3):
        finals = [codes(peer.send(invite))[-1] for invite in invites]
        repeats = [codes(peer.send(invite))[-1] for invite in invites]
    check("rate", finals, [486, 486, 503])
    check("retransmissions take no token", repeats, finals)
    stack.turn(1.1)
    check("a token came back", codes(peer.ask("INVITE", headers=SDP_TYPE, body=offer()))[-1], 486)
    pj.handoff_guard_set_rate(0, 0)


def prove_methods():
    peer = Peer(KNOWN)
    for method in ("REGISTER", "PUBLISH", "SUBSCRIBE", "MESSAGE", "REFER", "INFO", "NOTIFY", "UPDATE", "PRACK"):
        with Counts(method, method_not_allowed=1):
            answers = peer.ask(method)
        check(method, (codes(answers), bool(answers and header(answers[0], "Allow"))), ([405], True))
    for method in ("FOO", "X-TEST"):
        with Counts(method, not_implemented=1):
            check(method, codes(peer.ask(method)), [501])
    for method in ("MESSAGE", "SUBSCRIBE", "REGISTER", "PUBLISH"):
        check(f"{method} in a dialog", codes(peer.ask(method, to_tag="t")), [405])
    check("unknown in a dialog", codes(peer.ask("BAR", to_tag="t")), [501])
    for method in ("BYE", "INFO", "UPDATE", "REFER", "NOTIFY", "PRACK", "OPTIONS", "INVITE"):
        check(f"{method} of no dialog", codes(peer.ask(method, to_tag="t")), [481])
    with Counts("BYE, CANCEL of nothing", no_transaction=2):
        check("BYE of nothing", codes(peer.ask("BYE")), [481])
        check("CANCEL of nothing", codes(peer.ask("CANCEL")), [481])
    with Counts("hops", too_many_hops=1):
        check("Max-Forwards 0", codes(peer.ask("INVITE", hops="0", headers=SDP_TYPE, body=offer())), [483])
    check("ACK, Max-Forwards 0", peer.ask("ACK", hops="0"), [])
    check("no Max-Forwards", codes(peer.ask("OPTIONS", hops=None)), [200])
    with Counts("sips over UDP", malformed=1):
        check("sips over UDP", codes(peer.ask("INVITE", uri="sips:9995550100@127.0.0.1", headers=SDP_TYPE, body=offer())), [416])


def prove_sizes():
    peer = Peer(KNOWN)
    with Counts("Content-Length", too_large=1):
        check("less than Content-Length", codes(peer.ask("INVITE", headers=SDP_TYPE, body=offer(), length=4000)), [513])
    big = [f"X-Big-{i}: {'x' * 1000}" for i in range(13)]
    check("13 kB", codes(peer.ask("INVITE", headers=[*big[:12], *SDP_TYPE], body=offer()))[-1], 486)
    with Counts("cut", too_large=1):
        check("cut", codes(peer.ask("INVITE", headers=[*SDP_TYPE, *big[:10]], body=offer(more="a=x:" + "y" * 8000 + "\r\n"))), [513])
    with Counts("headers at the limit", too_large=1):
        check("headers at the limit", codes(peer.ask("INVITE", headers=[*big, *big, *SDP_TYPE], body=offer())), [513])
    vias = [f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-{i:03d}{'v' * 180}" for i in range(64)]
    with Counts("64 Vias", too_large=1):
        check("64 long Vias", peer.ask("INVITE", vias=vias, headers=SDP_TYPE, body=offer()), [])
    check("40 Vias", codes(peer.ask("OPTIONS", vias=vias[:40])), [200])


def prove_malformed():
    peer = Peer(KNOWN)
    with Counts("malformed", malformed=4):
        check("CSeq of another method", codes(peer.ask("OPTIONS", cseq_method="INVITE")), [400])
        check("bad Contact", codes(peer.ask("INVITE", headers=["Contact: <sip:"])), [400])
        check("bad Max-Forwards", codes(peer.ask("OPTIONS", hops="seventy")), [400])
        check("foreign scheme", codes(peer.ask("INVITE", uri="service:sos")), [416])
    for what, packet in (
        ("not SIP", b"GET /index.html HTTP/1.1\r\nHost: example.com\r\n\r\n"),
        ("no Via", message("OPTIONS").replace(b"Via:", b"X-Via:")),
        ("no Call-ID", message("OPTIONS").replace(b"Call-ID:", b"X-Call-ID:")),
    ):
        with Counts(what, malformed=1):
            check(what, peer.send(packet), [])
    check("keep-alive", peer.send(b"\r\n\r\n") + peer.send(b"\0") + peer.send(b"\r\n"), [])
    noise = os.urandom(1200)
    peer.send(noise)
    invite = message("INVITE", source=KNOWN, port=peer.port, headers=SDP_TYPE, body=offer())
    for at in range(0, len(invite), 7):
        stack.endpoint.libHandleEvents(0)
        peer.socket.sendto(invite[:at] + b"\xff\x00" + invite[at + 2:], ("127.0.0.1", stack.udp_port))
    for at in range(0, len(invite), 11):
        peer.send(invite[:at], 0)
    peer.receive(0.2)
    for sdp in ("v=0\r\n", "\0" * 40, offer(formats="0 " * 300), offer(more="a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n" * 70),
                offer(more="a=rtpmap:\r\na=fmtp:\r\na=ptime:99999999999\r\n"), offer().replace("IP4 127.0.0.1", "IP4 " + "h" * 300)):
        check(f"SDP {sdp[-30:]!r}", all(code < 700 for code in codes(peer.ask("INVITE", headers=SDP_TYPE, body=sdp))))
    check("alive", codes(peer.ask("OPTIONS")), [200])


FOREIGN = ("http://127.0.0.1/", "urn:service:sos", "tel:+15550100", "mailto:a@127.0.0.1")


def prove_uris():
    """URIs of other schemes than SIP's, where pjsip casts them, and the proprietary parameter `hide`."""

    def invite(contact="sip:caller@127.0.0.1", headers=()):
        peer = Peer(KNOWN)  # a new one each time: what is not acknowledged is repeated to the old one
        packet = message("INVITE", source=KNOWN, port=peer.port, headers=[*headers, *SDP_TYPE], body=offer())
        return peer.send(re.sub(rb"(?m)^Contact: <[^>]*>", f"Contact: <{contact}>".encode(), packet))

    for uri in FOREIGN:
        check(f"Record-Route {uri}", codes(invite(headers=[f"Record-Route: <{uri}>"])), [400])
        check(f"Contact {uri}", codes(invite(contact=uri)), [400])
        route = "Record-Route: <sip:127.0.0.1;lr>"
        check(f"Contact {uri} behind a proxy", codes(invite(contact=uri, headers=[route]))[-1], 400)
        for name in ("Route", "Refer-To", "Referred-By", "P-Asserted-Identity"):
            check(f"{name} {uri}", codes(invite(headers=[f"{name}: <{uri}>"]))[-1], 486)
    check("a transport that we have not", codes(invite(contact="sip:caller@127.0.0.1;transport=sctp")), [400])
    check("one SIP URI is enough", codes(invite(contact="tel:+1>, <sip:caller@127.0.0.1"))[-1], 486)
    for hidden in ("sip:127.0.0.1;hide", "sip:127.0.0.1;lr;hide"):
        answers = invite(headers=[f"Record-Route: <{hidden}>"])
        check(f"Record-Route {hidden}", (codes(answers)[-1], header(answers[0], "Record-Route")), (486, f"<{hidden}>"))

    peer, call_id = Peer(KNOWN), "uris@selftest"
    _, tag, _ = set_up(peer, call_id, 40000)
    for number, uri in enumerate(FOREIGN, 2):
        moved = message("INVITE", port=peer.port, call_id=call_id, to_tag=tag, cseq=str(number), headers=SDP_TYPE, body=offer())
        answers = peer.send(re.sub(rb"(?m)^Contact: <[^>]*>", f"Contact: <{uri}>".encode(), moved), 0.1)
        check(f"re-INVITE from {uri}", codes(answers)[-1], 200)
        peer.ask("ACK", call_id=call_id, to_tag=tag, cseq=str(number))
    check("REFER to one", codes(peer.ask("REFER", call_id=call_id, to_tag=tag, cseq="9", headers=["Refer-To: <tel:+1>"])), [603])
    stack.calls[-1].hangup()
    (bye,) = peer.receive()
    check("BYE goes where it went before", bye.split("\r\n")[0], f"BYE sip:caller@{KNOWN}:{peer.port} SIP/2.0")
    peer.answer(bye)


def prove_names():
    """No name is looked up: requests go to where the far end spoke from, responses to where the request came from."""
    peer, asked = Peer(KNOWN), pj.handoff_names_refused()

    def from_contact(packet, contact):
        return re.sub(rb"(?m)^Contact: <[^>]*>", f"Contact: <{contact}>".encode(), packet)

    def with_maddr(packet):
        return packet.replace(b";rport", b";maddr=host.invalid", 1)

    check("Via maddr", codes(peer.send(with_maddr(message("OPTIONS", source=KNOWN, port=peer.port)))), [200])
    invite = message("INVITE", source=KNOWN, port=peer.port, headers=SDP_TYPE, body=offer())
    check("Via maddr of an INVITE", codes(peer.send(with_maddr(invite))), [100, 486])
    peer = Peer(KNOWN)
    for uri, route in (("sip:caller@host.invalid:5099", ""), ("sip:caller@127.0.0.1:9", "sip:host.invalid;lr"),
                       ("sip:caller@host.invalid;maddr=other.invalid", "sip:host.invalid"), ("sip:a@host.invalid;transport=tcp", "")):
        call_id = f"named-{next(numbers)}@selftest"
        stack.answer_code = 200
        routes = [f"Record-Route: <{route}>"] if route else []
        invite = message("INVITE", port=peer.port, call_id=call_id, headers=[*routes, *SDP_TYPE], body=offer())
        answers = peer.send(from_contact(invite, uri)) + peer.receive(0.2)
        stack.answer_code = 486
        check(f"call from {uri} {route}", codes(answers), [100, 200])
        peer.ask("ACK", call_id=call_id, to_tag=re.search(r"^To:.*;tag=([^\r;]+)", answers[-1], re.M)[1])
        stack.calls[-1].hangup()
        requests = [answer for answer in peer.receive() if answer.startswith("BYE ")]
        check(f"BYE to {uri} {route}", len(requests), 1)
        peer.answer(requests[0])
    check("nothing was asked for", pj.handoff_names_refused(), asked)

    call_id = "named-media@selftest"
    _, tag, _ = set_up(peer, call_id, 40000)
    named = offer().replace("c=IN IP4 127.0.0.1", "c=IN IP4 host.invalid")
    for number, (method, body) in enumerate(itertools.product(("INVITE", "UPDATE"), (named, offer().replace("c=IN IP4 127", "c=IN IP6 127"))), 2):
        answers = peer.ask(method, call_id=call_id, to_tag=tag, cseq=str(number), headers=SDP_TYPE, body=body)
        check(f"{method} with {body[40:70]!r}", codes(answers)[-1], 488)
        if method == "INVITE":
            peer.ask("ACK", call_id=call_id, to_tag=tag, cseq=str(number))
    check("BYE", codes(peer.ask("BYE", call_id=call_id, to_tag=tag, cseq="9")), [200])

    for contact, body in (("sip:agent@host.invalid", offer()), (f"sip:agent@127.0.0.1:{peer.port}", named)):
        call, invite = call_out(peer)
        requests = peer.answer(invite, "200 OK", [f"Contact: <{contact}>", *SDP_TYPE], body, tag="b")
        call.hangup()  # as the agent does when no audio can come of an answer (0063)
        requests += peer.receive()
        check(f"ACK and BYE to {contact}", sorted(request.split(" ")[0] for request in requests), ["ACK", "BYE"])
        hang_up(peer, requests)
    check("alive", codes(peer.ask("OPTIONS")), [200])


def prove_refused_lines():
    """A stream at port 0 is refused as a line, whatever it carries, never as a message."""
    peer = Peer(KNOWN)
    odd = ("m=video 0 RTP/AVP 31\r\n", "m=video 0 RTP/AVP 200\r\n", "m=video 0 RTP/AVP 99\r\n", "m=video 0 RTP/AVP\r\n",
           "m=image 0 udptl t38\r\n", "m=application 0 TCP/MRCPv2 1\r\n", "m=audio 0 RTP/AVP 0\r\n", "m=audio 0 X 7777\r\n",
           "m=video 0 RTP/AVP 31\r\nc=IN IP4 host.invalid\r\n", "m=video 0 RTP/AVP 31\r\nc=IN IP6 ::1\r\n",
           "m=video 0 RTP/AVP 31\r\nc=A B C\r\n", "m=video 0 RTP/AVP 31\r\na=rtpmap:x y/z\r\na=fmtp\r\na=ptime:-1\r\n",
           "m=audio 0 RTP/SAVP 0\r\na=crypto:1 NONE inline:x\r\n", "m=text 0 RTP/AVP 98\r\n")
    head, audio = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", "m=audio 40000 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\n"

    def ports(answer):
        return [int(port) > 0 for port in re.findall(r"(?m)^m=\w+ (\d+)", answer)]

    for line in odd:
        for body, wanted in ((head + audio + line, [True, False]), (head + line + audio, [False, True])):
            call_id, stack.answer_code = f"odd-{next(numbers)}@selftest", 200
            answers = peer.ask("INVITE", call_id=call_id, headers=SDP_TYPE, body=body) + peer.receive(0.1)
            stack.answer_code = 486
            check(f"INVITE with {line!r}", (codes(answers)[-1], ports(answers[-1])), (200, wanted))
            tag = re.search(r"^To:.*;tag=([^\r;]+)", answers[-1], re.M)[1]
            peer.ask("ACK", call_id=call_id, to_tag=tag)
            answers = peer.ask("INVITE", call_id=call_id, to_tag=tag, cseq="2", headers=SDP_TYPE, body=body)
            check(f"re-INVITE with {line!r}", (codes(answers)[-1], ports(answers[-1])), (200, wanted))
            peer.ask("ACK", call_id=call_id, to_tag=tag, cseq="2")
            answers = peer.ask("UPDATE", call_id=call_id, to_tag=tag, cseq="3", headers=SDP_TYPE, body=body)
            check(f"UPDATE with {line!r}", (codes(answers)[-1], ports(answers[-1])), (200, wanted))
            check("BYE", codes(peer.ask("BYE", call_id=call_id, to_tag=tag, cseq="4")), [200])
        for body in (head + audio + line, head + line):
            _, invite = call_out(peer)
            requests = peer.answer(invite, "200 OK", [f"Contact: <sip:agent@127.0.0.1:{peer.port}>", *SDP_TYPE], body, tag="b")
            check(f"answer with {line!r}", "ACK" in [request.split(" ")[0] for request in requests])
            hang_up(peer, requests)

    for formats in ("0 101 101 101", "00 101", "0 0 0 8 8 8", "101 0", " ".join(["0"] * 32)):
        peer = Peer(KNOWN)
        answers = peer.ask("INVITE", headers=SDP_TYPE, body=offer(formats=formats))
        check(f"formats {formats}", codes(answers)[-1], 486)
        peer = Peer(KNOWN)
        call_id, stack.answer_code = f"formats-{next(numbers)}@selftest", 200
        answers = peer.ask("INVITE", call_id=call_id, headers=SDP_TYPE, body=offer(formats=formats)) + peer.receive(0.1)
        stack.answer_code = 486
        check(f"call with formats {formats}", codes(answers)[-1], 200)
        tag = re.search(r"^To:.*;tag=([^\r;]+)", answers[-1], re.M)[1]
        peer.ask("ACK", call_id=call_id, to_tag=tag)
        check("BYE", codes(peer.ask("BYE", call_id=call_id, to_tag=tag, cseq="2")), [200])
    check("alive", codes(peer.ask("OPTIONS")), [200])


def prove_tcp():
    def connect(source):
        peer = socket.create_connection(("127.0.0.1", stack.tcp_port), source_address=(source, 0))
        peer.settimeout(0.01)
        return peer

    def read(peer):
        stack.turn(0.1)
        try:
            return peer.recv(65536).decode("latin-1")
        except TimeoutError:
            return "nothing"

    peer = connect(KNOWN)
    data = message("OPTIONS").replace(b"/UDP", b"/TCP")
    peer.send(data[:100])
    stack.turn(0.05)
    peer.send(data[100:] + data)
    check("two OPTIONS in pieces over TCP", codes(re.split(r"(?=^SIP/2\.0 )", read(peer), flags=re.M)), [200, 200])
    stranger = connect(STRANGER)
    stranger.send(data)
    check("stranger's TCP connection is closed", read(stranger), "")
    peer.close()
    stranger.close()


def set_up(peer, call_id, rtp_port, more=""):
    """A call that is up: its INVITE, our tag, our RTP port."""
    stack.answer_code = 200
    invite = message("INVITE", port=peer.port, call_id=call_id, headers=SDP_TYPE, body=offer(rtp_port) + more)
    answers = peer.send(invite) + peer.receive(0.2)
    stack.answer_code = 486
    check("call is up", codes(answers), [100, 200])
    check("what a 200 allows", set((header(answers[-1], "Allow") or "").split(", ")), SERVED)
    check("call slots in use are kept", pj.handoff_calls_rest(), 0)
    tag = re.search(r"^To:.*;tag=([^\r;]+)", answers[-1], re.M)[1]
    ours = int(re.search(r"^m=audio (\d+)", answers[-1], re.M)[1])
    peer.ask("ACK", call_id=call_id, to_tag=tag)
    return invite, tag, ours


def prove_requests():
    """REFER and INFO with JSON are asked about, anything else is not; nobody is called for a REFER."""
    peer, call_id = Peer(KNOWN), "requests@selftest"
    _, tag, _ = set_up(peer, call_id, 40000)
    sequence = itertools.count(2)

    def ask(method, say, headers=(), body=""):
        """The answers, what the application was asked, and what its answer returned."""
        stack.requests, stack.said, stack.say = [], [], say
        answers = peer.ask(method, call_id=call_id, to_tag=tag, cseq=str(next(sequence)), headers=headers, body=body)
        return answers, [text.split(" ")[0] for text in stack.requests], stack.said

    def confirm(requests):
        for request in requests:
            kept = [line for line in request.split("\r\n") if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
            peer.send(("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0"]) + "\r\n\r\n").encode())

    json_type, refer_to = ["Content-Type: application/json"], ["Refer-To: <sip:queue@127.0.0.1>"]
    answers, asked, said = ask("INFO", lambda: pj.handoff_request_answer(400), json_type, "{}")
    check("INFO is answered by our say", (codes(answers), asked, said), ([400], ["INFO"], [0]))
    answers, asked, _ = ask("INFO", lambda: None, json_type, "{}")
    check("INFO that is left alone", (codes(answers), asked), ([200], ["INFO"]))
    answers, asked, _ = ask("INFO", lambda: None, ["Content-Type: text/plain"], "a")
    check("INFO of another kind", (codes(answers), asked), ([200], []))
    answers, asked, _ = ask("REFER", lambda: None, refer_to)
    check("REFER that is left alone", (codes(answers), asked), ([603], ["REFER"]))
    answers, _, said = ask("REFER", pj.handoff_refer_accept, ["Refer-Sub: false", *refer_to])
    check("REFER without subscription", (codes(answers), header(answers[0], "Refer-Sub"), said), ([202], "false", [0]))
    answers, _, said = ask("REFER", pj.handoff_refer_accept)
    check("REFER without Refer-To", (codes(answers), said), ([400], [-1]))
    calls = pj.handoff_guard_calls()
    answers, _, said = ask("REFER", pj.handoff_refer_accept, refer_to)
    notified = [answer for answer in answers if answer.startswith("NOTIFY")]
    check("REFER that is accepted", (codes(answers), len(notified), said[0] > 0), ([202], 1, True))
    check("its first NOTIFY", (notified[0].split("\r\n\r\n")[1].strip(), pj.handoff_guard_calls()), ("SIP/2.0 100 Trying", calls))
    confirm(notified)
    check("its outcome", pj.handoff_refer_notify(said[0], 200), 0)
    notified = peer.receive()
    ended = header(notified[0], "Subscription-State").partition(";")[0]
    check("its last NOTIFY", (notified[0].split("\r\n\r\n")[1].strip(), ended), ("SIP/2.0 200 OK", "terminated"))
    confirm(notified)
    check("nothing after it", pj.handoff_refer_notify(said[0], 200), -1)
    answers, asked, _ = ask("NOTIFY", lambda: None, ["Event: refer", "Subscription-State: active"])
    check("NOTIFY of no subscription", (codes(answers), asked), ([481], []))
    check("no request to answer", (pj.handoff_request_answer(200), pj.handoff_refer_accept()), (-1, -1))
    check("BYE", codes(peer.ask("BYE", call_id=call_id, to_tag=tag, cseq=str(next(sequence)))), [200])


def prove_offers():
    """Offers within a call, by either end of it, that once ended the process."""
    audio, video, address = ("m=audio 40000 RTP/AVP 0\r\n", "m=video 0 RTP/AVP 31\r\n", "c=IN IP4 127.0.0.1\r\n")
    text = "m=text 40000 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n"
    sequence = itertools.count(2)

    def opened(by_us):
        """A call that is up, and how to ask something within it."""
        peer, call_id, from_tag = Peer(KNOWN), f"offers-{next(numbers)}@selftest", "a1"
        if by_us:
            _, invite = call_out(peer)
            call_id, tag, from_tag = header(invite, "Call-ID"), header(invite, "From").partition("tag=")[2], "b"
            peer.answer(invite, "200 OK", [f"Contact: <sip:agent@127.0.0.1:{peer.port}>", *SDP_TYPE], offer(), tag="b")
        else:
            _, tag, _ = set_up(peer, call_id, 40000)

        def ask(method, streams=""):
            body = f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{streams}" if streams else ""
            within = {"call_id": call_id, "to_tag": tag, "cseq": next(sequence), "from_tag": from_tag}
            answers = peer.ask(method, **within, headers=SDP_TYPE if body else (), body=body) + peer.receive(0.1)
            if method == "INVITE":
                peer.ask("ACK", **within)
            return [code for code in codes(answers) if code >= 200]

        return ask

    for by_us in (False, True):
        ask = opened(by_us)
        check("8 streams", ask("INVITE", (audio + address) * 8), [200])
        for off in (video, audio.replace("40000", "0")):
            for method in ("INVITE", "UPDATE"):
                check(f"{method} with {off[:9]} that has no address", ask(method, audio + address + off * 7), [200])
        check("all 8 streams, of other kinds", ask("INVITE", (video + address) * 7 + audio + address), [200])
        check("our offer has no room", ask("INVITE"), [488])
        check("an offer after it", ask("INVITE", (video + address) * 7 + audio + address), [200])
        check("8 streams of none that we speak", ask("INVITE", (text + address) * 8), [200])
        check("our offer after it", len(ask("INVITE")), 1)
        check("fewer streams than before", len(ask("INVITE", audio + address)), 1)
        check("BYE", ask("BYE"), [200])

        ask = opened(by_us)
        crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short\r\n"
        check("a key that is too short", ask("INVITE", audio.replace("AVP", "SAVP") + address + crypto + video * 2), [488])
        check("an offer after it", ask("INVITE", audio + address), [200])
        stack.streams.clear()
        check("BYE", ask("BYE"), [200])
        check("streams that ended with it", len(stack.streams), 1)


def prove_probe():
    """OPTIONS by our say, and its answer."""
    peer = Peer(KNOWN)
    here = f"sip:agent@{KNOWN}:{peer.port}"
    number = pj.handoff_probe_send(here, "sip:selftest@127.0.0.1")
    (request,) = peer.receive()
    check("the probe", request.split("\r\n")[0], f"OPTIONS {here} SIP/2.0")
    check("nothing came yet", pj.handoff_probe_drain(), "")
    kept = [line for line in request.split("\r\n") if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    peer.send(("\r\n".join(["SIP/2.0 486 Busy", *kept, "Content-Length: 0"]) + "\r\n\r\n").encode())
    check("what came of it", pj.handoff_probe_drain(), f"{number} 486")
    check("drained", pj.handoff_probe_drain(), "")
    check("no URI", pj.handoff_probe_send("garbage", "sip:selftest@127.0.0.1"), -1)


def prove_resolve():
    """A name goes out as it was written, to the address that was told."""
    peer = Peer(KNOWN)
    pin = pj.handoff_resolve_pin
    check("addresses", pin("bot.example", f"udp {KNOWN} {peer.port}\ntcp ::1 5070"), 2)
    for wrong in ("udp bot.example 5060", "sctp 127.0.0.1 5060", "udp 127.0.0.1 65536", "udp 127.0.0.1 -1"):
        check(f"no address: {wrong}", pin("bot.example", wrong), -1)
    check("a host too long", pin("x" * 256, f"udp {KNOWN} 5060"), -1)
    check("pinned", pin("bot.example", f"udp {KNOWN} {peer.port}"), 1)
    call, uri = Call(), "sip:b;ob=1@bot.example;tenant=x"
    call.makeCall(f"<{uri}>")
    pj.handoff_probe_send(uri, "sip:selftest@127.0.0.1")
    pj.handoff_resolve_unpin()
    invite, options = sorted(peer.receive(0.2)[:2])
    check("INVITE by name", invite.split("\r\n")[0], f"INVITE {uri} SIP/2.0")
    check("To by name", header(invite, "To"), f"<{uri}>")
    check("no Route", header(invite, "Route"), None)
    check("OPTIONS by name", options.split("\r\n")[0], f"OPTIONS {uri} SIP/2.0")
    pj.handoff_probe_drain()
    refused, failed = pj.handoff_names_refused(), pj.handoff_probe_send("sip:bot.example", "sip:selftest@127.0.0.1")
    check("pinned no more", pj.handoff_probe_drain(), f"{failed} 502")
    check("refused", pj.handoff_names_refused(), refused + 1)
    by_tcp = Call()
    with socket.create_server((KNOWN, 0)) as listener:
        pin("bot.example", f"tcp {KNOWN} {listener.getsockname()[1]}")
        by_tcp.makeCall("<sip:b@bot.example;transport=tcp>")
        pj.handoff_resolve_unpin()
        stack.turn(0.1)
        connection = listener.accept()[0]
        stack.turn(0.1)
        contact = header(connection.recv(65536).decode(), "Contact")
        check("the way to the address", contact, f"<sip:selftest@{KNOWN}:{stack.tcp_port};transport=TCP;ob>")
        connection.close()
    stack.calls += [call, by_tcp]


def prove_call():
    """A whole call: only the polling thread runs Python."""
    peer, elsewhere = Peer(KNOWN), Peer(STRANGER)
    call_id = "whole-call@selftest"
    rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rtp.bind(("127.0.0.1", 0))
    invite, tag, ours = set_up(peer, call_id, rtp.getsockname()[1])
    with Counts("late INVITE", invites_repeated=1):
        calls = len(stack.calls)
        check("a late retransmission", set(codes(peer.send(invite))) <= {200})
        check("makes no second call", len(stack.calls), calls)
    for sequence in range(12):
        event = bytes([5, 0x80 if sequence > 8 else 0, 0, 20 * sequence])
        head = bytes([0x80, 101 | (0x80 if sequence == 0 else 0)]) + sequence.to_bytes(2, "big") + bytes(7) + b"\1"
        rtp.sendto(head + event, ("127.0.0.1", ours))
        stack.turn(0.02)
    check("DTMF", stack.digits[:1], ["5"])
    check("INFO by another socket", codes(Peer(KNOWN).ask("INFO", call_id=call_id, to_tag=tag, cseq="2")), [200])
    check("OPTIONS in the dialog", codes(peer.ask("OPTIONS", call_id=call_id, to_tag=tag, cseq="3")), [200])
    check("wrong tag", elsewhere.ask("BYE", call_id=call_id, to_tag="guess", cseq="4"), [])
    pj.handoff_guard_set_state(0, 1)
    bye = message("BYE", source=KNOWN, port=peer.port, call_id=call_id, to_tag=tag, cseq="5", headers=["X-Handoff: yes"])
    check("BYE while draining", codes(peer.send(bye)), [200])
    check("BYE again", codes(peer.send(bye)), [200])
    pj.handoff_guard_set_state(1, 1)
    check("Python ran on the polling thread only", callback_threads, {threading.get_native_id()})


def prove_digits():
    """Whoever sends more digits between two polls than anybody can press loses their own, and nobody else's."""
    peers, ports, tags = [Peer(KNOWN), Peer(KNOWN)], [], []
    sockets = [socket.socket(type=socket.SOCK_DGRAM) for _ in peers]
    for number, (peer, rtp) in enumerate(zip(peers, sockets)):
        rtp.bind(("127.0.0.1", 0))
        _, tag, ours = set_up(peer, f"digits-{number}@selftest", rtp.getsockname()[1])
        ports.append(ours)
        tags.append(tag)
    stack.digits, stack.held = [], ""

    def press(which, sequence, digit):
        head = bytes([0x80, 101 | 0x80]) + sequence.to_bytes(2, "big") + (2000 * sequence).to_bytes(4, "big") + b"\0\0\0\1"
        sockets[which].sendto(head + bytes([digit, 0x80, 0, 160]), ("127.0.0.1", ports[which]))

    for sequence in range(300):
        press(0, sequence, 5)
        time.sleep(0.001)
    for sequence in range(3):
        press(1, sequence, 7)
    time.sleep(0.3)
    stack.turn(0.1)
    check("digits of the other call", stack.digits.count("7"), 3)
    check("digits of the busy call", 0 < stack.digits.count("5") <= 32)
    for number, (peer, tag) in enumerate(zip(peers, tags)):
        peer.ask("BYE", call_id=f"digits-{number}@selftest", to_tag=tag, cseq="5")


def prove_trace():
    drain = pj.handoff_trace_drain

    def records(call_id):
        """Of one call: other proofs' calls still repeat their final responses."""
        return [fields for line in drain(0).split("\n") if (fields := line.split("\t"))[4:5] == [call_id]]

    drain(0)
    check("drained", drain(0), "")
    peer = Peer(KNOWN)
    where = f"{KNOWN}:{peer.port}"
    peer.send(message("OPTIONS", call_id="trace##", source=KNOWN, port=peer.port).replace(b"trace##", b"trace\xc3\xa9"))
    got = records("trace??")
    check("time", [abs(time.time() - int(fields[0]) / 1e6) < 5 for fields in got], [True, True])
    received = ["<", "udp", where, "trace??", "1 OPTIONS", "OPTIONS sip:9995550100@127.0.0.1 SIP/2.0", ""]
    sent = [">", "udp", where, "trace??", "1 OPTIONS", "SIP/2.0 200 OK", ""]
    check("records", [fields[1:8] for fields in got], [received, sent])
    invite = message("INVITE", source=KNOWN, port=peer.port, call_id="again", headers=SDP_TYPE, body=offer())
    peer.send(invite)
    peer.send(invite)
    flags = [fields[1] + fields[7] for fields in records("again")]
    check("retransmissions", flags, ["<", ">", ">", "<R", ">R"])
    prove_messages(peer, records)
    drain(0)
    options = message("OPTIONS", source=STRANGER)
    for _ in range(9000):
        peer.socket.sendto(options, ("127.0.0.1", stack.udp_port))
        stack.endpoint.libHandleEvents(0)
    stack.turn(0.05)
    left = 0
    while text := drain(1000):
        left += len(text.split("\n"))
    check("the ring's size", left, 8192)


def prove_messages(peer, records):
    """The bytes of each message, until they are written over."""
    whole, local = pj.handoff_message_whole, pj.handoff_message_local
    asked = message("OPTIONS", call_id="whole", source=KNOWN, port=peer.port, headers=["Subject: \xe9"])
    answers = [answer.encode() for answer in peer.send(asked)]
    places = [int(fields[8]) for fields in records("whole")]
    check("bytes", [whole(place) for place in places], [asked, *answers])
    check("positions grow", places, sorted(set(places)))
    check("local address", [local(place).rsplit(":")[-1] for place in places], [str(stack.udp_port)] * 2)
    strange = [places[0] + 1, places[0] + 40, places[1] - 1, places[1] + 1, 2**63, 2**64 - 1]
    check("no such position", [(whole(place), local(place)) for place in strange], [(None, "")] * len(strange))
    seen = set()
    for size in (0, 1, 40, 1000, 15000, 15001, 15002, 400, *(range(7000, 7100))):  # round the ring's end, many times
        call_id = f"whole{size}"
        asked = message("OPTIONS", call_id=call_id, source=KNOWN, port=peer.port, headers=["Subject: " + "x" * size])
        peer.socket.sendto(asked, ("127.0.0.1", stack.udp_port))
        stack.turn(0)
        for fields in records(call_id):
            if fields[1] == "<":
                seen.add(whole(int(fields[8])) == asked)
    check("bytes round the ring", seen, {True})
    check("written over", [whole(place) for place in places], [None, None])


def call_out(peer, uri=""):
    """A call that we make to the peer, and its INVITE."""
    call = Call()
    call.makeCall(uri or f"sip:agent@127.0.0.1:{peer.port}")
    stack.calls.append(call)
    invites = [request for request in peer.receive(0.1) if request.startswith("INVITE ")]
    return call, invites[-1]


def hang_up(peer, requests):
    """The last of our calls ends: by itself, as `requests` shows, or now."""
    byes = [request for request in requests if request.startswith("BYE ")]
    if not byes:
        stack.calls[-1].hangup()
        byes = [request for request in peer.receive() if request.startswith("BYE ")]
    for bye in byes:
        peer.answer(bye)


def prove_answers():
    """A 200 that says nowhere to go, or nowhere that we can."""
    peer = Peer(KNOWN)
    for uri in FOREIGN:
        call, invite = call_out(peer)
        requests = peer.answer(invite, "200 OK", [f"Contact: <{uri}>", *SDP_TYPE], offer(), tag="a")
        where = f"ACK sip:agent@127.0.0.1:{peer.port} SIP/2.0"
        check(f"ACK after {uri}", [request.split("\r\n")[0] for request in requests], [where])
        call.hangup()
        (bye,) = peer.receive()
        peer.answer(bye)
        call, invite = call_out(peer)
        headers = ["Contact: <sips:agent@127.0.0.1>", f"Record-Route: <{uri}>", *SDP_TYPE]
        check(f"Record-Route {uri} in an answer", peer.answer(invite, "200 OK", headers, offer(), tag="a"), [])
        call.hangup()
    check("alive", 200 in codes(peer.ask("OPTIONS")))


def prove_failed_sending():
    """A request that can't be sent, known at once, and a peer that repeats its answer."""
    for where in ("sip:agent@255.255.255.255", "sip:agent@[2001:db8::1]", "sip:agent@host.invalid"):
        number = pj.handoff_probe_send(where, "sip:selftest@127.0.0.1")
        stack.turn(0.05)
        outcome = pj.handoff_probe_drain()
        check(f"probe of {where}", number == -1 or outcome.split(" ")[:1] == [str(number)])


def prove_callbacks():
    """What a header or a listener can't do: end the process."""
    peer = Peer(KNOWN)
    for value, hops in (("many", "0"), ("99999999999999999999", "255"), ("", "0"), ("-1", "0"), ("7", "7")):
        call = Call()
        call.makeCall(f"sip:agent@127.0.0.1:{peer.port}", f"X-Empty:\nMax-Forwards:{value}\nX-Two: a:b\n")
        (invite, *_) = peer.receive(0.1)
        got = [header(invite, name) for name in ("Max-Forwards", "X-Empty", "X-Two")]
        check(f"Max-Forwards of {value!r}", got, [hops, "", "a:b"])
        stack.calls.append(call)
        peer.answer(invite, "302 Moved", ["Contact: <sip:other@127.0.0.1:9>"], tag="a")
        check("a 3xx is not followed", stack.ended[-1], (call.number, 487))  # as pjsip puts it
    check("a line that is no header", pj.handoff_call_dial(stack.account.getId(), "sip:a@127.0.0.1", "", "none\n", 0), -1)
    check("why not", bool(pj.handoff_call_fault()))
    reported = []

    def wrong(*_):
        raise SystemExit("from the listener")

    sys.unraisablehook = lambda what: reported.append(what.exc_type)
    pj.handoff_calls_listen(wrong)
    check("an INVITE that nobody could take", codes(peer.ask("INVITE", call_id="wrong@selftest", headers=SDP_TYPE, body=offer())), [100, 500])
    pj.handoff_calls_listen(listen)
    sys.unraisablehook = sys.__unraisablehook__
    check("SystemExit in the listener", set(reported), {SystemExit})
    gone = stack.calls[-1].number
    check("nothing is done with a call that is over", [pj.handoff_call_answer(gone, 200, "", 0), pj.handoff_call_end(gone, 0, "", ""),
          pj.handoff_call_refer(gone, "sip:a@127.0.0.1", ""), pj.handoff_call_inform(gone, "a/b", "{}"), pj.handoff_call_press(gone, "5", 100)], [-1] * 5)


def main():
    global stack
    faulthandler.enable()
    faulthandler.dump_traceback_later(120, exit=True)
    stack = Stack()
    prove_build()
    prove_sources()
    check("unused call slots are given back", pj.handoff_calls_rest(), 1)
    for proof in (prove_strangers, prove_options, prove_admission, prove_rate, prove_methods, prove_sizes, prove_malformed, prove_uris, prove_names, prove_refused_lines,
                  prove_failed_sending, prove_tcp,
                  prove_call, prove_digits, prove_requests, prove_offers, prove_probe, prove_resolve, prove_answers, prove_callbacks, prove_trace):
        try:
            proof()
        except Exception as error:  # noqa: BLE001 - go on: one report names every rule that is broken
            check(f"{proof.__name__} at line {error.__traceback__.tb_next.tb_lineno}", repr(error), "no exception")
    stack.close()
    if failures:
        sys.exit(f"selftest: {len(failures)} failed")
    asserts = "off" if pj.handoff_guard_capacity(4) else "on"
    print(f"selftest: all well (asserts {asserts}, {pj.handoff_guard_capacity(0)} calls)")


if __name__ == "__main__":
    main()
