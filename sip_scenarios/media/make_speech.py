#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speech for the scenarios that play audio: speech.wav (u-law, rtp_stream) and speech.pcap (play_pcap_audio).

Usage: make_speech.py FOLDER [TEXT]. Needs espeak-ng and sox; without espeak-ng a tone is made instead.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

TEXT = "Hello. I would like to speak to somebody about my bill, please. It is higher than last month."
RATE = 8000
FRAME = 160  # samples of 20 ms
_PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)  # Ethernet
_ETHERNET = bytes(12) + b"\x08\x00"


def main() -> int:
    """Write both files into the folder of the command line."""
    if not sys.argv[1:] or not shutil.which("sox"):
        sys.stderr.write("usage: make_speech.py FOLDER [TEXT] (needs sox, and espeak-ng for speech)\n")
        return 2
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    make(folder, " ".join(sys.argv[2:]) or TEXT)
    return 0


def make(folder: Path, text: str = TEXT) -> None:
    """Write speech.wav and speech.pcap into ``folder``."""
    wav, raw = folder / "speech.wav", folder / "speech.ul"
    u_law = ["-r", str(RATE), "-c", "1", "-e", "u-law", "-b", "8"]
    if shutil.which("espeak-ng"):
        spoken = folder / "spoken.wav"
        _run("espeak-ng", "-v", "en", "-s", "150", "-w", str(spoken), text)
        _run("sox", str(spoken), *u_law, "-t", "wav", str(wav))
        spoken.unlink()
    else:
        _run("sox", "-n", *u_law, "-t", "wav", str(wav), "synth", "5", "sine", "440", "gain", "-9")
    _run("sox", str(wav), *u_law, "-t", "raw", str(raw))
    (folder / "speech.pcap").write_bytes(b"".join(_capture(raw.read_bytes())))
    raw.unlink()


def _capture(samples: bytes) -> Iterator[bytes]:
    """The pieces of a pcap file with one RTP packet of 20 ms after the other."""
    yield _PCAP_HEADER
    for number in range(len(samples) // FRAME):
        payload = samples[number * FRAME : (number + 1) * FRAME]
        rtp = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * FRAME, 0x48414E44) + payload
        udp = struct.pack("!HHHH", 6000, 6000, 8 + len(rtp), 0) + rtp
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 64, 17, 0, _HOST, _HOST)
        frame = _ETHERNET + ip + udp
        seconds, micros = divmod(number * 20000, 1_000_000)
        yield struct.pack("<IIII", seconds, micros, len(frame), len(frame)) + frame


_HOST = bytes((127, 0, 0, 1))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - the commands above


if __name__ == "__main__":
    sys.exit(main())
