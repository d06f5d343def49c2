# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that are put where others stood: none of them is a host name, all addresses are this machine's."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


NUMBERS = (
    "0 -1 1 255 256 65535 65536 2147483647 2147483648 4294967295 4294967296 9223372036854775807 "
    f"18446744073709551616 1e9 0x10 +5 0000000000005 {'9' * 40} {'1' * 900} "
).split(" ")
URIS = _words(r"""
tel:+15550100 http://127.0.0.1/x urn:service:sos mailto:a@127.0.0.1 im:a@127.0.0.1 data:,x a :
sips:a@127.0.0.1 sip:127.0.0.1 sip: sip:@127.0.0.1 sip:a@127.0.0.1:0 sip:a@127.0.0.1:99999 sip:a@[::1]
sip:a:b@127.0.0.9;maddr=127.0.0.1 sip:a@127.0.0.1;transport=sctp sip:a@127.0.0.1? sip:%00%ff@127.0.0.1
sip:a@127.0.0.1?X-A=%00&Replaces=b sip:a@127.0.0.1;lr;lr=on;method=BYE;ttl=999
sip:a@host.invalid sip:host.invalid;lr sips:host.invalid sip:a@127.0.0.1;maddr=host.invalid sip:127.0.0.1;hide
""")
PARAMETERS = [
    *_words(r"""
    ;tag=x ;tag= ;lr ;maddr=127.0.0.9 ;ttl=999999 ;transport=ws ;received=127.0.0.9 ;rport=1 ;branch= ;q=9.9.9
    ;expires=-1 ;maddr=host.invalid ;hide ;x=" ;x="\ ;=; ;; ?a=b , ,, > <
    """),
    ";a=" + "b" * 600,
]
URI_HEADERS = (
    *("Contact", "Record-Route") * 3,
    *("From", "To", "Route", "Refer-To", "Referred-By", "P-Asserted-Identity"),
)
_LINES = r"""
Session-Expires: 1;refresher=x
Session-Expires: 4294967296
Min-SE: 99999999999
RSeq: 0
RSeq: 1
RAck: 4294967296 1 INVITE
Require: 100rel
Require: timer, x
Replaces: a;to-tag=b;from-tag=c;early-only
Event: ;
Subscription-State: terminated;expires=-1;retry-after=x
Retry-After: 99999999999 (x);duration=1
WWW-Authenticate: Digest realm="a",nonce="b",algorithm=X,qop="auth"
Authorization: Digest username="
Proxy-Authenticate: Basic x
Content-Encoding: gzip
Content-Type: a/b
Content-Type: x
Content-Type: multipart/mixed;boundary=x
Content-Type: multipart/mixed
Record-Route: <sip:127.0.0.1;lr>
Route: <sip:127.0.0.9;lr>
Refer-Sub: maybe
Refer-To: *
Contact: *
Expires: -1
Max-Forwards: 256
Date: now
Warning: 399 x
a b: c
: x
"""
HEADERS = [
    *((name, value) for name, _, value in (line.partition(": ") for line in _LINES.strip().split("\n"))),
    ("Supported", ",".join(f"t{n}" for n in range(80))),
    ("Allow", ", ".join(["INVITE"] * 80)),
    ("Event", "refer;id=" + "1" * 300),
    ("Accept", "a/b;q=" + "9" * 99),
    ("Reason", 'Q.850;cause=16;text="' + "t" * 500),
    ("X-" + "n" * 900, "v"),
    ("X-Long", "v" * 3000),
]
