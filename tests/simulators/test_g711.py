# SPDX-License-Identifier: GPL-3.0-or-later
"""The u-law of ITU-T G.711, there and back."""

from __future__ import annotations

from array import array

import pytest

from agent.simulators.g711 import decode, encode

ALL = bytes(range(256))


@pytest.mark.parametrize(
    ("code", "sample"),
    [
        (0xFF, 0),
        (0x7F, 0),
        (0xFE, 8),
        (0x7E, -8),
        (0xEF, 132),
        (0x8F, 16764),
        (0x80, 32124),
        (0x00, -32124),
    ],
)
def test_u_law_is_decoded_as_the_table_of_g_711_has_it(code: int, sample: int) -> None:
    assert decode(bytes([code])) == array("h", [sample])


def test_the_louder_the_code_the_louder_the_sample() -> None:
    rising = decode(bytes(range(0xFF, 0x7F, -1)))
    assert list(rising) == sorted(set(rising))
    assert list(decode(ALL[:128])) == [-sample for sample in decode(ALL[128:])]


def test_what_was_decoded_is_encoded_to_the_same_code() -> None:
    again = encode(decode(ALL))
    assert again.replace(b"\xff", b"\x7f") == ALL.replace(b"\xff", b"\x7f")  # both are zero


def test_every_sample_goes_to_a_code_that_is_near_it() -> None:
    samples = array("h", range(-32768, 32768))
    worst = max(
        abs(sample - back) / max(abs(sample), 256)
        for sample, back in zip(samples, decode(encode(samples)), strict=True)
    )
    assert worst < 1 / 16


def test_the_loudest_samples_do_not_wrap_around() -> None:
    assert decode(encode(array("h", [32767, -32768]))) == array("h", [32124, -32124])
