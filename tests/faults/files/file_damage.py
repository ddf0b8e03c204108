"""Damage to a whole file: how records are framed, its bytes, its encoding, its compression. Every kind has a name."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from random import Random

Lines = Sequence[bytes]
Frame = Callable[[Random, Lines], bytes]
Change = Callable[[Random, bytes], bytes]
BOM = b"\xef\xbb\xbf"


def _ended(end: bytes) -> Frame:
    return lambda _, lines: b"".join(line + end for line in lines)


def _mixed_ends(rng: Random, lines: Lines) -> bytes:
    return b"".join(line + rng.choice((b"\n", b"\r\n", b"\n\n", b"\r\r\n", b"\n \t\n")) for line in lines)


def _array(before: bytes = b"[", between: bytes = b", ", after: bytes = b"]") -> Frame:
    return lambda _, lines: before + between.join(lines) + after


def _one_mark_changed(marks: bytes) -> Frame:
    """Return a frame of an array in which one comma is something else."""

    def frame(rng: Random, lines: Lines) -> bytes:
        at = rng.randrange(1, len(lines)) if len(lines) > 1 else 0
        return b"[" + b",\n".join(lines[:at]) + marks + b",\n".join(lines[at:]) + b"]"

    return frame


def _array_then_lines(rng: Random, lines: Lines) -> bytes:
    at = rng.randrange(len(lines) + 1)
    return b"[" + b",".join(lines[:at]) + b"]\n" + b"\n".join(lines[at:])


FRAMES: Mapping[str, Frame] = {
    "lines": _ended(b"\n"),
    "crlf_lines": _ended(b"\r\n"),
    "cr_lines": _ended(b"\r"),
    "mixed_line_ends": _mixed_ends,
    "no_last_line_end": lambda _, lines: b"\n".join(lines),
    "blank_lines": _ended(b"\n \t\r\n\n\xe2\x80\x83\n\x1c\n"),
    "bom_lines": lambda _, lines: BOM + b"\n".join(lines),
    "two_boms": lambda _, lines: BOM + BOM + b"\n".join(lines),
    "concatenated_with_bom": lambda _, lines: b"\n".join(lines) + b"\n" + BOM + b"\n".join(lines),
    "array": _array(),
    "array_of_lines": _array(b"[\n", b",\r\n", b"\n]\n"),
    "bom_array": _array(BOM + b"\r\n \t[", b" ,\t", b" ]\n \n"),
    "array_unclosed": _array(after=b""),
    "array_ends_in_comma": _array(after=b","),
    "array_trailing_comma": _array(after=b",]"),
    "array_leading_comma": _array(before=b"[,"),
    "array_doubled_comma": _one_mark_changed(b",,"),
    "array_missing_comma": _one_mark_changed(b" "),
    "array_semicolon": _one_mark_changed(b";"),
    "array_closed_early": _one_mark_changed(b"]"),
    "array_text_after": _array(after=b"]\n-- end of transmission --\n"),
    "array_then_lines": _array_then_lines,
    "array_of_arrays": _array(before=b"[[", after=b"]]"),
    "array_closed_by_brace": _array(after=b"}"),
    "bare_commas": _array(before=b"", after=b""),
    "object_of_records": _array(before=b'{"records": [', after=b"]}"),
}


def _span(rng: Random, data: bytes) -> tuple[int, int]:
    start = rng.randrange(len(data))
    return start, min(len(data), start + rng.choice((1, 16, 512, 4096)))


def _truncated(rng: Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _head_lost(rng: Random, data: bytes) -> bytes:
    return data[_span(rng, data)[1] :]


def _hole(rng: Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + bytes(end - start) + data[end:]


def _block_lost(rng: Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + data[end:]


def _block_doubled(rng: Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:end] + data[start:]


def _bits_flipped(rng: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 20)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _beyond_the_limit(_: Random, data: bytes) -> bytes:
    long = b'{"x": "' + b"x" * 60_000 + b'"}\n'
    return long * 3 + data + b"\n" + long * 3


# Of the content, before it is compressed.
CONTENT_DAMAGE: Mapping[str, Change] = {
    "truncated": _truncated,
    "head_lost": _head_lost,
    "hole": _hole,
    "block_lost": _block_lost,
    "block_doubled": _block_doubled,
    "bits_flipped": _bits_flipped,
    "utf_16": lambda _, data: data.decode("latin-1").encode("utf-16"),
    "utf_16_be": lambda _, data: data.decode("latin-1").encode("utf-16-be"),
    "utf_32": lambda _, data: data.decode("latin-1").encode("utf-32"),
    "beyond_the_content_limit": _beyond_the_limit,
    "nuls_after": lambda _, data: data + bytes(600),
    "nothing": lambda *_: b"",
    "only_white_space": lambda *_: b" \r\n\t\n\xc2\xa0\n",
}


def _zipped(data: bytes, level: int = 6) -> bytes:
    return gzip.compress(data, level, mtime=0)


def _members(rng: Random, data: bytes) -> bytes:
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    return b"".join(_zipped(data[a:b]) for a, b in zip((0, *cuts), (*cuts, len(data)), strict=True))


def _last_member_cut(rng: Random, data: bytes) -> bytes:
    return _members(rng, data)[: -rng.randrange(1, 20)]


def _zipped_then(change: Change) -> Change:
    return lambda rng, data: change(rng, _zipped(data))


def _with_all_header_fields(_: Random, data: bytes) -> bytes:
    zipped = _zipped(data)
    fields = b"\x04\x00abcd" + b"name.json\0" + b"a comment\n\0"
    return zipped[:3] + bytes([4 | 8 | 16]) + zipped[4:10] + fields + zipped[10:]


# Ends in the bytes of the file; those of PLAIN_PACKINGS lie under a name without .gz.
ZIPPED_PACKINGS: Mapping[str, Change] = {
    "gzip": _zipped_then(lambda _, data: data),
    "gzip_stored": lambda _, data: _zipped(data, 0),
    "gzip_members": _members,
    "gzip_empty_members": lambda _, data: _zipped(b"") * 50 + _zipped(data) + _zipped(b"") * 50,
    "gzip_all_header_fields": _with_all_header_fields,
    "gzip_padded": _zipped_then(lambda _, data: data + bytes(512)),
    "gzip_padded_then_member": lambda _, data: _zipped(data) + bytes(9) + _zipped(data),
    "gzip_garbage_after": _zipped_then(lambda _, data: data + b"trailing"),
    "gzip_cut": _zipped_then(_truncated),
    "gzip_cut_in_trailer": _zipped_then(lambda rng, data: data[: -rng.randrange(1, 9)]),
    "gzip_last_member_cut": _last_member_cut,
    "gzip_bits_flipped": _zipped_then(_bits_flipped),
    "gzip_hole": _zipped_then(_hole),
    "gzip_block_lost": _zipped_then(_block_lost),
    "gzip_wrong_checksum": _zipped_then(lambda _, data: data[:-8] + b"\0\0\0\0" + data[-4:]),
    "gzip_wrong_length": _zipped_then(lambda _, data: data[:-4] + b"\xff\0\0\0"),
    "gzip_twice": _zipped_then(lambda _, data: _zipped(data)),
    "zlib_not_gzip": lambda _, data: zlib.compress(data),
    "plain_under_a_zipped_name": lambda _, data: data,
    "bomb": lambda _, data: _zipped(data + bytes(2**20)),
}
PLAIN_PACKINGS: Mapping[str, Change] = {
    "plain": lambda _, data: data,
    "zipped_under_a_plain_name": _zipped_then(lambda _, data: data),
}
