# SPDX-License-Identifier: GPL-3.0-or-later
"""The SIP side of a voice agent in Python: takes calls, plays a greeting, hears digits, hangs up.

    async def talk(call: Call) -> None:  # has the call until it returns
        call.answer(Path("greeting.wav"))
        digit = await call.digit()

    asyncio.run(Phone("127.0.0.1", 5070, talk).serve())

pjsua2 and asyncio share one thread here: no locks, and no second thread that could free a native object.
"""

import asyncio
import contextlib
import math
import signal
import struct
import wave
from collections.abc import Awaitable, Callable, Mapping
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pjsua2

_POLL_SECONDS = 0.01
_RATE = 8000


class Call:
    """A caller.

    Attributes:
        headers: those of the INVITE; ``headers["x-call-id"]`` finds X-Call-Id.
        over: set when the call has ended.
    """

    def __init__(self, phone: "Phone", number: int, invite: str) -> None:
        self.headers = HeaderParser().parsestr(invite.partition("\r\n")[2])
        self.over = asyncio.Event()
        self._digits: asyncio.Queue[str] = asyncio.Queue()
        # Nobody but this object may hold the native call, and not for longer than the SIP call lasts: its
        # destructor hangs up whichever call has that number by then.
        self._native: _NativeCall | None = _NativeCall(phone, self, number)

    def answer(self, greeting: Path) -> None:
        """Send our 200, and play a WAV file (16 bit, mono) over and over."""
        if self._native:
            self._native.player.createPlayer(str(greeting))
            self._native.answer(_parameters(pjsua2.PJSIP_SC_OK))

    async def digit(self) -> str:
        """The next digit that the caller presses; "" once the call is over."""
        return "" if self.over.is_set() else await self._digits.get()

    def hang_up(self, headers: Mapping[str, str] | None = None) -> None:
        """Send BYE with these headers; nothing once the call is over."""
        if self._native and self._native.isActive():
            self._native.hangup(_parameters(0, headers or {}))

    def pressed(self, digit: str) -> None:
        """The caller pressed a digit; "" for the end."""
        self._digits.put_nowait(digit)

    def end(self) -> None:
        """The SIP call is over: let the native one go."""
        self._native = None
        self.over.set()
        self.pressed("")


class _NativeCall(pjsua2.Call):
    """What pjsua2 calls back on, from inside native code: note what happened, and return at once."""

    def __init__(self, phone: "Phone", call: Call, number: int) -> None:
        super().__init__(phone.account, number)
        self.player = pjsua2.AudioMediaPlayer()
        self._phone, self._call = phone, call

    def onCallState(self, _: Any) -> None:
        if self.getInfo().state == pjsua2.PJSIP_INV_STATE_DISCONNECTED:
            self._phone.ended.append(self._call)

    def onCallMediaState(self, _: Any) -> None:
        # Each offer and answer gives the call another port in the bridge: fetch it anew, connect it anew.
        with contextlib.suppress(pjsua2.Error):  # no audio just now
            self.player.startTransmit(self.getAudioMedia(-1))

    def onDtmfDigit(self, prm: Any) -> None:
        self._call.pressed(prm.digit)

    def onCallTransferRequest(self, prm: Any) -> None:
        prm.statusCode = pjsua2.PJSIP_SC_DECLINE  # pjsua2 would dial whatever a REFER names

    def onCallReplaceRequest(self, prm: Any) -> None:
        prm.statusCode = pjsua2.PJSIP_SC_DECLINE  # and give the call to any stranger's Replaces


class _Account(pjsua2.Account):
    def __init__(self, phone: "Phone") -> None:
        super().__init__()
        self._phone = phone

    def onIncomingCall(self, prm: Any) -> None:
        self._phone.take(Call(self._phone, prm.callId, prm.rdata.wholeMsg))


class Phone:
    """Takes calls on a UDP port. `talk` is run for each; when it returns, the call is hung up."""

    def __init__(
        self, address: str, port: int, talk: Callable[[Call], Awaitable[None]], *, rtp_port: int = 4000
    ) -> None:
        self.ended: list[Call] = []
        self._address, self._port, self._rtp_port = address, port, rtp_port
        self._talk = talk
        self._talks: dict[asyncio.Task[None], Call] = {}
        self._endpoint = pjsua2.Endpoint()

    async def serve(self) -> None:
        """Take calls until SIGINT or SIGTERM; then hang up what is up."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        self._open()
        print(f"taking calls at sip:{self._address}:{self._port}", flush=True)
        while not stop.is_set():
            # Every 10 ms will do for some dozen calls. For more, let the loop watch pjsip's own descriptor:
            # Endpoint.libGetSipIoqueueHandle().
            self._endpoint.libHandleEvents(0)
            while self.ended:
                self.ended.pop().end()
            await asyncio.sleep(_POLL_SECONDS)
        talks = dict(self._talks)
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)  # each hangs up
        for call in talks.values():
            call.end()  # native calls go first, the library last
        self.account.shutdown()
        self._endpoint.libDestroy()

    def take(self, call: Call) -> None:
        """Run `talk` for a new caller."""
        task = asyncio.get_running_loop().create_task(self._run(call))
        self._talks[task] = call  # the loop itself would forget the task
        task.add_done_callback(self._talks.pop)

    async def _run(self, call: Call) -> None:
        try:
            await self._talk(call)
        finally:
            call.hang_up()

    def _open(self) -> None:
        self._endpoint.libCreate()
        config = pjsua2.EpConfig()
        config.uaConfig.threadCnt = 0  # no threads of its own that call back
        config.uaConfig.mainThreadOnly = True
        config.logConfig.level = config.logConfig.consoleLevel = 1
        config.medConfig.clockRate = config.medConfig.sndClockRate = _RATE
        config.medConfig.ecTailLen = 0
        config.medConfig.sndAutoCloseTime = -1
        self._endpoint.libInit(config)
        self._endpoint.audDevManager().setNullDev()  # a server has no sound card
        udp = pjsua2.TransportConfig()
        udp.boundAddress, udp.port = self._address, self._port
        self._endpoint.transportCreate(pjsua2.PJSIP_TRANSPORT_UDP, udp)
        self._endpoint.libStart()
        account = pjsua2.AccountConfig()  # after libInit: before it the defaults are not there yet
        account.idUri = f"sip:voice-agent@{self._address}"
        account.mediaConfig.ipv6Use = pjsua2.PJSUA_IPV6_DISABLED  # or each call asks DNS for our own name
        account.mediaConfig.transportConfig.boundAddress = self._address
        account.mediaConfig.transportConfig.port = self._rtp_port
        self.account = _Account(self)
        self.account.create(account, True)


def write_tone(path: Path, hertz: float = 440.0, seconds: float = 2.0) -> Path:
    """Make a WAV file with a tone, for want of speech."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        for at in range(int(seconds * _RATE)):
            file.writeframesraw(struct.pack("<h", round(8000 * math.sin(math.tau * hertz * at / _RATE))))
    return path


def _parameters(status: int, headers: Mapping[str, str] | None = None) -> Any:
    parameters = pjsua2.CallOpParam(True)
    parameters.statusCode = status
    parameters.opt.audioCount = 1
    parameters.opt.videoCount = parameters.opt.textCount = 0  # pjsua2 would offer real-time text too
    for name, value in (headers or {}).items():
        header = pjsua2.SipHeader()
        header.hName, header.hValue = name, value
        parameters.txOption.headers.push_back(header)
    return parameters
