# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of pjsua2, every default set on purpose, and the few C functions beside its API."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pjsua2

from agent import __version__
from agent.core.errors import SipError
from agent.core.model import Agent
from agent.core.units import Listen, bracketed, ip
from agent.core.uris import SipUri
from agent.names.reach import own_address_towards
from agent.sip.resolver import Hop

_SLOTS_PER_CALL = 4  # two legs, and as many again that linger until their BYE is answered
_NEWEST = "handoff_tap_take"  # what an older build of ours does not have
_FIRST = 255  # the highest priority that a codec can have
_CODECS = {"PCMU": "PCMU/8000/1", "PCMA": "PCMA/8000/1", "G722": "G722/16000/1", "OPUS": "opus/48000/2"}
_NARROW = ("PCMU", "PCMA")
_SRTP = {
    "none": pjsua2.PJMEDIA_SRTP_DISABLED,
    "optional": pjsua2.PJMEDIA_SRTP_OPTIONAL,
    "required": pjsua2.PJMEDIA_SRTP_MANDATORY,
}
_TLS = pjsua2.PJ_SSL_SOCK_PROTO_TLS1_2 | pjsua2.PJ_SSL_SOCK_PROTO_TLS1_3
_TRANSPORTS = {
    ("udp", 4): pjsua2.PJSIP_TRANSPORT_UDP,
    ("tcp", 4): pjsua2.PJSIP_TRANSPORT_TCP,
    ("tls", 4): pjsua2.PJSIP_TRANSPORT_TLS,
    ("udp", 6): pjsua2.PJSIP_TRANSPORT_UDP6,
    ("tcp", 6): pjsua2.PJSIP_TRANSPORT_TCP6,
    ("tls", 6): pjsua2.PJSIP_TRANSPORT_TLS6,
}

closed = False
"""Whether the library has ended: nothing may be asked of it any more."""


def require_open() -> None:
    """Refuse what native code could not survive.

    Raises:
        SipError: the library has ended.
    """
    if closed:
        raise SipError("the SIP stack has ended")


def require_capacity(calls: int) -> None:
    """Refuse a limit beyond what this pjsua2 was built for.

    Raises:
        SipError: it carries fewer calls, or it is not the build that this agent goes with.
    """
    if not hasattr(pjsua2, _NEWEST):
        raise SipError("this pjsua2 is another agent's: use the wheel that deploy/pjsua2/build makes")
    slots = pjsua2.handoff_guard_capacity(0)
    if calls * 2 > slots:
        raise SipError(
            f"limits.calls is {calls}, but this pjsua2 was built for {slots} legs: at most {slots // 2}"
        )


def endpoint_config(settings: Agent) -> Any:
    """Everything that the library lets us choose, chosen: its defaults are those of a softphone."""
    config = pjsua2.EpConfig()
    agent = config.uaConfig
    agent.threadCnt = 0
    agent.mainThreadOnly = True
    agent.maxCalls = min(settings.limits.calls * _SLOTS_PER_CALL, pjsua2.handoff_guard_capacity(0))
    agent.userAgent = f"handoff-agent/{__version__}"
    agent.mwiUnsolicitedEnabled = False
    agent.natTypeInSdp = 0
    # What goes wrong is raised, and told in our own words: its lines would break up those of our log.
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.logConfig.msgLogging = 0
    media = config.medConfig
    media.clockRate = media.sndClockRate = clock_rate(settings.media.codecs)
    media.channelCount = 1
    media.audioFramePtime = media.ptime = 20
    media.hasIoqueue = True
    media.threadCnt = 1
    media.noVad = True
    media.ecTailLen = 0
    media.quality = 3
    media.jbInit = media.jbMinPre = media.jbMaxPre = -1
    media.jbMax = 300
    media.sndAutoCloseTime = -1
    media.confThreads = 1
    media.maxMediaPorts = min(settings.limits.calls * 2 + 16, pjsua2.handoff_guard_capacity(1))
    return config


def clock_rate(codecs: tuple[str, ...]) -> int:
    """The bridge runs at the rate of the codec wanted most: G.711 needs no resampling then."""
    return 8000 if codecs[0].upper() in _NARROW else 16000


def transport(settings: Agent, listen: Listen) -> tuple[int, Any]:
    """The kind and the configuration of one listener."""
    config = pjsua2.TransportConfig()
    config.port = listen.port
    config.boundAddress = listen.host
    if settings.sip.public_address:
        config.publicAddress = str(settings.sip.public_address)
    if listen.transport == "tls" and settings.sip.tls is not None:
        tls = config.tlsConfig
        tls.certFile = str(settings.sip.tls.certificate)
        tls.privKeyFile = str(settings.sip.tls.private_key)
        tls.CaListFile = str(settings.sip.tls.ca or "")
        tls.verifyServer = tls.verifyClient = tls.requireClientCert = settings.sip.tls.verify_peer
        tls.proto = _TLS  # its default has 1.0 and 1.1 in it, and method does not count beside it
    return _TRANSPORTS[listen.transport, 6 if ":" in listen.host else 4], config


def choose_codecs(endpoint: Any, codecs: tuple[str, ...]) -> None:
    """Offer these codecs in this order, and no other."""
    wanted = [_CODECS[name.upper()] for name in codecs]
    for codec in endpoint.codecEnum2():
        name = codec.codecId
        endpoint.codecSetPriority(name, _FIRST - 1 - wanted.index(name) if name in wanted else 0)


@contextlib.contextmanager
def preferring(endpoint: Any, codec: str, codecs: tuple[str, ...]) -> Iterator[None]:
    """Offer this codec ahead of the others as long as this lasts; none is "" or the one that is first."""
    if codec not in codecs[1:]:
        yield
        return
    name = _CODECS[codec.upper()]
    endpoint.codecSetPriority(name, _FIRST)
    try:
        yield
    finally:
        endpoint.codecSetPriority(name, _FIRST - 1 - codecs.index(codec))


def host(settings: Agent) -> str:
    """Our host as it stands in URIs; 0.0.0.0 or :: where each peer sees another one (`host_towards`)."""
    return bracketed(settings.sip.public_address or settings.sip.listen[0].host)


def host_towards(settings: Agent, hop: Hop) -> str:
    """Our host as it stands in URIs of what goes to `hop`: what that peer sees of us."""
    ours = host(settings)
    if not ip(ours.strip("[]")).is_unspecified:
        return ours
    seen = own_address_towards(hop.address, hop.port)
    return bracketed(seen) if seen else ours


def account(settings: Agent) -> Any:
    """Make the local account that all calls belong to. It registers nowhere."""
    # Must come after libInit: before it the session timers' defaults are 0 and every call fails.
    config = pjsua2.AccountConfig()
    config.idUri = f"sip:handoff-agent@{host(settings)}"
    config.regConfig.registerOnAdd = False
    config.mediaConfig.lockCodecEnabled = False
    config.mediaConfig.srtpUse = _SRTP[settings.media.srtp]
    config.mediaConfig.srtpSecureSignaling = 0
    # Left open, pjsua looks this machine's own name up for each call to learn what it could speak: in
    # DNS, while everybody waits.
    v6 = ":" in settings.sip.listen[0].host
    config.mediaConfig.ipv6Use = pjsua2.PJSUA_IPV6_ENABLED_USE_IPV6_ONLY if v6 else pjsua2.PJSUA_IPV6_DISABLED
    ports = config.mediaConfig.transportConfig
    ports.port = settings.media.rtp_ports.low
    ports.portRange = settings.media.rtp_ports.high - settings.media.rtp_ports.low
    ports.boundAddress = settings.sip.listen[0].host
    if settings.sip.public_address:
        ports.publicAddress = str(settings.sip.public_address)
    nat = config.natConfig
    nat.iceEnabled = False
    nat.sdpNatRewriteUse = nat.contactRewriteUse = nat.viaRewriteUse = 0
    config.videoConfig.autoTransmitOutgoing = config.videoConfig.autoShowIncoming = False
    config.callConfig.timerUse = pjsua2.PJSUA_SIP_TIMER_OPTIONAL
    made = pjsua2.Account()
    made.create(config, True)  # noqa: FBT003 - pjsua2's signature
    return made


# -- calls and probes, in C --------------------------------------------------------------------------------


def call_count() -> int:
    """Call slots in use in pjsua."""
    return int(pjsua2.handoff_guard_calls())


@contextlib.contextmanager
def pinned(uri: SipUri, hop: Hop) -> Iterator[None]:
    """Meanwhile what is sent to the URI's host goes to this address, and the URI goes out as it is."""
    if pjsua2.handoff_resolve_pin(uri.host, f"{hop.transport} {hop.address} {hop.port}") != 1:
        raise SipError(f"{hop} is no address to send to")
    try:
        yield
    finally:
        pjsua2.handoff_resolve_unpin()


def renew_certificates() -> str:
    """Use what is in the certificate files for handshakes from now on; why that can't be done, or nothing."""
    return str(pjsua2.handoff_tls_reload())


def probes() -> list[tuple[int, int]]:
    """What came of probes since the last time: number and status of each."""
    text: str = pjsua2.handoff_probe_drain()
    return [(int(number), int(status)) for number, status in map(str.split, text.splitlines())]
