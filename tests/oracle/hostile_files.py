"""Hostile telemetry files: line files, arrays and gzip files, whole and damaged in every way we know."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from random import Random

Lines = Sequence[bytes]
Make = Callable[[Random, Lines], bytes]

BOM = b"\xef\xbb\xbf"


def _joined(lines: Lines, end: bytes = b"\n") -> bytes:
    return b"".join(line + end for line in lines)


def _array(lines: Lines, between: bytes = b",\n") -> bytes:
    return b"[" + between.join(lines) + b"]"


def _zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _cut(rng: Random, data: bytes) -> bytes:
    return data[: rng.randrange(1, len(data))]


def _flipped(rng: Random, data: bytes) -> bytes:
    at = rng.randrange(10, len(data) - 8)
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def _two_members(lines: Lines) -> bytes:
    half = len(lines) // 2
    return _zipped(_joined(lines[:half])) + _zipped(_joined(lines[half:]))


PLAIN: Mapping[str, Make] = {
    "lines": lambda _, lines: _joined(lines),
    "lines_crlf": lambda _, lines: _joined(lines, b"\r\n"),
    "lines_without_last_end": lambda _, lines: _joined(lines)[:-1],
    "lines_with_bom": lambda _, lines: BOM + _joined(lines),
    "lines_with_two_boms": lambda _, lines: BOM + BOM + _joined(lines),
    "lines_with_blank_ones": lambda _, lines: _joined(lines, b"\n \t\r\n\n\xe2\x80\x83\n\x1c\n"),
    "lines_with_lone_cr": lambda _, lines: _joined(lines, b"\r"),
    "lines_cut": lambda rng, lines: _cut(rng, _joined(lines)),
    "lines_concatenated": lambda _, lines: _joined(lines) + BOM + _joined(lines[:1]),
    "array": lambda _, lines: _array(lines),
    "array_with_bom_and_space": lambda _, lines: BOM + b"\r\n \t" + _array(lines, b" ,\r\n\t") + b"\n\n \t",
    "array_empty": lambda *_: b"[]",
    "array_empty_with_space": lambda *_: b"\n[ \n]\n",
    "array_without_end": lambda _, lines: _array(lines)[:-1],
    "array_cut": lambda rng, lines: _cut(rng, _array(lines)),
    "array_cut_after_comma": lambda _, lines: _array(lines)[:-1] + b",",
    "array_trailing_comma": lambda _, lines: _array([*lines, b""]),
    "array_leading_comma": lambda _, lines: _array([b"", *lines]),
    "array_missing_comma": lambda _, lines: _array([lines[0], b" ".join(lines[1:3]), *lines[3:]]),
    "array_doubled_comma": lambda _, lines: _array([lines[0], b"", *lines[1:]]),
    "array_text_after": lambda _, lines: _array(lines) + b"\n-- end of transmission --\n",
    "array_and_lines": lambda _, lines: _array(lines[:-1]) + b"\n" + lines[-1] + b"\n",
    "array_two": lambda _, lines: _array(lines[:1]) + _array(lines[1:]),
    "array_of_others": lambda _, lines: _array(
        [b"1", b"null", b'"x"', b"[" + lines[0] + b"]", b"true", b"NaN", *lines]
    ),
    "array_of_arrays": lambda _, lines: b"[" + _array(lines) + b"]",
    "array_not_utf8_in_text": lambda _, lines: _array([lines[0], b'{"truck_id": "\xff\xfe"}', *lines[1:]]),
    "array_without_quotes": lambda _, lines: _array([lines[0], b"{truck: 1}", *lines[1:]]),
    "array_as_first_line": lambda _, lines: b"[1, 2]\n" + _joined(lines),
    "empty": lambda *_: b"",
    "white_space": lambda *_: b" \r\n\n\t\xc2\xa0\n\xe3\x80\x80",
    "bom_only": lambda *_: BOM,
    "bracket_only": lambda *_: b"[",
    "no_json": lambda *_: b"upstream timed out\nretry later\n",
    "only_numbers": lambda *_: b"1\n2\n",
    "utf_16": lambda _, lines: _joined(lines).decode("latin-1").encode("utf-16"),
    "pretty_object": lambda _, lines: lines[0].replace(b", ", b",\n  "),
    "zip_bytes": lambda _, lines: b"PK\x03\x04" + bytes(range(256)),
    "gzip_under_a_plain_name": lambda _, lines: _zipped(_joined(lines)),
}
ZIPPED: Mapping[str, Make] = {
    "gzip_lines": lambda _, lines: _zipped(_joined(lines)),
    "gzip_lines_with_bom": lambda _, lines: _zipped(BOM + _joined(lines, b"\r\n")),
    "gzip_array": lambda _, lines: _zipped(_array(lines)),
    "gzip_two_members": lambda _, lines: _two_members(lines),
    "gzip_two_members_second_cut": lambda rng, lines: _two_members(lines)[: -rng.randrange(1, 20)],
    "gzip_zero_padding": lambda _, lines: _zipped(_joined(lines)) + bytes(512),
    "gzip_text_after": lambda _, lines: _zipped(_joined(lines)) + b"trailing",
    "gzip_cut": lambda rng, lines: _cut(rng, _zipped(_joined(lines))),
    "gzip_cut_in_trailer": lambda rng, lines: _zipped(_joined(lines))[: -rng.randrange(1, 9)],
    "gzip_cut_in_trailer_no_last_end": lambda _, lines: _zipped(_joined(lines)[:-1])[:-3],
    "gzip_array_cut": lambda rng, lines: _cut(rng, _zipped(_array(lines))),
    "gzip_array_cut_in_trailer": lambda _, lines: _zipped(_array(lines))[:-3],
    "gzip_array_inside_cut": lambda rng, lines: _zipped(_cut(rng, _array(lines))),
    "gzip_bit_flipped": lambda rng, lines: _flipped(rng, _zipped(_joined(lines))),
    "gzip_wrong_checksum": lambda _, lines: _zipped(_joined(lines))[:-8] + b"\0\0\0\0" + _zipped(_joined(lines))[-4:],
    "gzip_wrong_length": lambda _, lines: _zipped(_joined(lines))[:-4] + b"\xff\0\0\0",
    "gzip_of_nothing": lambda *_: _zipped(b""),
    "gzip_of_nothing_cut": lambda *_: _zipped(b"")[:-2],
    "gzip_no_bytes": lambda *_: b"",
    "gzip_header_only": lambda _, lines: _zipped(_joined(lines))[:10],
    "not_gzip": lambda _, lines: _joined(lines),
}
FILE_KINDS = (*PLAIN, *ZIPPED)

# Names that are left where they are: nothing of such a file may be taken.
NAMES_LEFT = (
    ".iot_telemetry_20260301_000000_hidden.json",
    "_iot_telemetry_20260301_000000_underscore.json",
    "iot_telemetry_20260301_000000_growing.json.tmp",
    "iot_telemetry_20260301_000000_growing.json.part",
    "iot_telemetry_20260301_0000_short.json",
    "iot_telemetry_20260301_000000.json",
    "IOT_TELEMETRY_20260301_000000_CASE.JSON",
    "iot_telemetry_20260301_000000_other.jsonl",
    "iot_telemetry_20260301_000000_other.json.bz2",
    "notes.txt",
)


def make(rng: Random, kind: str, lines: Lines) -> bytes:
    """Return a file of ``kind`` that holds ``lines``, at least three."""
    return {**PLAIN, **ZIPPED}[kind](rng, lines)


def suffix(kind: str) -> str:
    """Return how the name of a file of ``kind`` ends."""
    return ".json.gz" if kind in ZIPPED else ".json"
