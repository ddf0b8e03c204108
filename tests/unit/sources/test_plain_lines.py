"""Lines that are read in vectors become the very rows that the strict parser makes of them, one by one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_logistics.sources import telemetry_frame
from smart_logistics.sources.content import ContentChangedError, digest
from smart_logistics.sources.raw import is_utf8
from smart_logistics.sources.telemetry_frame import FileToParse
from tests.oracle.hostile_records import ABSENT, TEXTS, VALUES, WHOLE

SOUND: dict[str, Any] = {
    "truck_id": "MH12AB0001",
    "timestamp": "2026-03-01T00:30:00.125Z",
    "temperature": 5.25,
    "latitude": 18.5,
    "longitude": -73.000001,
    "humidity": 41,
    "note": "at the dock, door 4",
}
LINE = json.dumps(SOUND).encode()
MOST_BYTES = 2**30


def as_claimed(path: Path) -> FileToParse:
    checksum, size = digest(path)
    return FileToParse(7, str(path), path.name, path.suffix == ".gz", size, checksum)


def rows(path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch, *, in_vectors: bool) -> list[dict[str, Any]]:
    path.write_bytes(data)
    with monkeypatch.context() as patch:
        patch.setattr(telemetry_frame, "_VECTORS_FROM_BYTES", 0 if in_vectors else 2**40)
        table = telemetry_frame.at_hand([as_claimed(path)], MOST_BYTES)
    assert table is not None
    return sorted(table.to_pylist(), key=lambda row: (row["position"] is None, row["position"]))


def vectors(path: Path) -> bool:
    return telemetry_frame._in_vectors(as_claimed(path)) is not None


def agree(path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found = rows(path, data, monkeypatch, in_vectors=True)
    # As texts: that tells -0.0 from 0.0.
    assert repr(found) == repr(rows(path, data, monkeypatch, in_vectors=False))
    return found


def hostile_lines() -> list[bytes]:
    changed = [
        {key: value for key, value in (SOUND | {name: new}).items() if value is not ABSENT}
        for name, new in VALUES.values()
    ]
    return [
        *(json.dumps(record).encode() for record in changed),
        *(LINE.replace(needle, by) for needle, by in TEXTS.values()),
        *WHOLE.values(),
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n \t\n"], ids=["lines", "windows", "blank lines"])
def test_hostile_lines_between_plain_ones_keep_their_places_and_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    monkeypatch.setattr(telemetry_frame, "_BATCH_ROWS", 50)  # so there are several
    lines = [LINE] * 200 + hostile_lines() + [LINE.replace(b"0001", b"0002")]
    first, rest = lines[0], lines[1:]
    Random(1).shuffle(rest)  # noqa: S311
    found = agree(tmp_path / "f.json", end.join([first, *rest]), monkeypatch)
    assert [row["position"] for row in found] == [*range(1, len(lines) + 1), None]
    assert found[-1]["found"] == len(lines)
    assert found[-1]["rejected"] > 10
    # Those are not UTF-8, so the file is for the strict parser; the others are not.
    without = [line for line in lines if is_utf8(line)]
    agree(tmp_path / "f.json", end.join(without), monkeypatch)
    monkeypatch.setattr(telemetry_frame, "_VECTORS_FROM_BYTES", 0)
    assert len(without) > 250
    assert vectors(tmp_path / "f.json")


@given(seed=st.integers(0, 2**32), rows_at_once=st.sampled_from([3, 7, 50]))
def test_lines_with_bytes_changed_anywhere_are_read_alike(
    tmp_path_factory: pytest.TempPathFactory, seed: int, rows_at_once: int
) -> None:
    rng = Random(seed)  # noqa: S311
    lines = [LINE, *(mutated(rng, LINE) if rng.random() < 0.4 else LINE for _ in range(60))]
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(telemetry_frame, "_BATCH_ROWS", rows_at_once)
        agree(tmp_path_factory.mktemp("files") / "f.json", rng.choice([b"\n", b"\r\n"]).join(lines), monkeypatch)


def mutated(rng: Random, line: bytes) -> bytes:
    strange = [
        b"\r",
        b"\n",
        b"\x0b",
        b"\x00",
        b"\x7f",
        "\u00fc".encode(),
        "\u2028".encode(),
        b'"',
        b"\\",
        b"{",
        b"}",
        b",",
    ]
    strange += [b" ", b"0", b"9", b"-", b".", b"e5", b"Z", b"+", b":", b"null", b"[]"]
    at = rng.randrange(len(line))
    return line[:at] + rng.choice(strange) + line[at + rng.randrange(3) :]


@pytest.mark.parametrize("many", [100, 30_000])
def test_plain_lines_are_read_in_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    path = tmp_path / "f.json"
    agree(path, b"\n".join([LINE] * many), monkeypatch)
    monkeypatch.setattr(telemetry_frame, "_VECTORS_FROM_BYTES", 0)
    assert vectors(path)


TEXT = st.text(st.characters(max_codepoint=0x2FF, exclude_categories=["Cs"]), max_size=6)
NUMBER = st.one_of(
    st.floats(),
    st.integers(),
    st.from_regex(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)
INSTANT = st.from_regex(
    r"(00|18|19|20|21)[0-9]{2}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,10})?([Zz]|[+-]0[0-9]:00)?",
    fullmatch=True,
)


def line(values: tuple[Any, ...], names: Sequence[str], space: str) -> bytes:
    truck, instant, *numbers, other = values
    texts = [json.dumps(truck), f'"{instant}"', *(str(number) for number in numbers), json.dumps(other)]
    members = dict(zip(("truck_id", "timestamp", "temperature", "latitude", "longitude", "other"), texts, strict=True))
    return ("{" + ",".join(f'{space}"{name}":{space}{members[name]}' for name in names) + "}").encode()


@given(
    values=st.lists(
        st.tuples(TEXT, INSTANT, NUMBER, NUMBER, NUMBER, st.one_of(TEXT, st.booleans(), st.none())), max_size=30
    ),
    names=st.permutations(["truck_id", "timestamp", "temperature", "latitude", "longitude", "other"]),
    space=st.sampled_from(["", " ", "\t "]),
)
def test_values_at_every_edge_of_the_grammar_are_read_alike(
    tmp_path_factory: pytest.TempPathFactory, values: list[tuple[Any, ...]], names: list[str], space: str
) -> None:
    sound = line(("T1", "2026-03-01T00:00:00Z", 1, 2, 3, "x"), names, space)
    data = b"\n".join([sound] * (len(values) + 1) + [line(one, names, space) for one in values])
    with pytest.MonkeyPatch.context() as monkeypatch:
        path = tmp_path_factory.mktemp("files") / "f.json"
        agree(path, data, monkeypatch)
        monkeypatch.setattr(telemetry_frame, "_VECTORS_FROM_BYTES", 0)
        assert vectors(path)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + b"\n".join([LINE] * 3),
        b"[" + b",\n".join([LINE] * 3) + b"]",
        b" \n[" + LINE + b"]",
        b"\n".join([b"no record"] * 3),
        b"\n".join([LINE, *[b"{}"] * 300]),
        b'{"truck_id": "A"}\n' + LINE,
        b"\n".join([LINE.replace(b"note", b"a note")] * 3),
        b"\n".join([json.dumps(SOUND | {f"m{n}": n for n in range(20)}).encode()] * 3),
        b"\n".join([LINE, b'{"city": "M\xfcnchen"}', LINE]),
        b"\n".join([LINE, *[b"{}"] * 3]),
        b"",
    ],
    ids=[
        *("bom", "array", "array behind a blank line", "failed", "short lines", "lacks fields", "odd name"),
        *("many members", "not UTF-8", "hardly plain", "empty"),
    ],
)
def test_a_file_of_another_kind_is_left_to_the_strict_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    path = tmp_path / "f.json"
    agree(path, data, monkeypatch)
    monkeypatch.setattr(telemetry_frame, "_VECTORS_FROM_BYTES", 0)
    assert not vectors(path)


def test_compressed_lines_are_read_in_vectors_and_damaged_ones_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = gzip.compress(b"\n".join([LINE] * 400))
    agree(tmp_path / "whole.json.gz", whole, monkeypatch)
    found = agree(tmp_path / "cut.json.gz", whole[:-9], monkeypatch)
    assert found[-1]["rejected"] == 1
    monkeypatch.setattr(telemetry_frame, "_VECTORS_FROM_BYTES", 0)
    assert vectors(tmp_path / "whole.json.gz")
    assert not vectors(tmp_path / "cut.json.gz")


def test_a_first_line_that_says_a_member_twice_or_escaped_costs_nothing_but_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for first in (
        LINE.replace(b"}", b', "note": 5}'),
        LINE.replace(b"note", b"no\\u0074e"),
        LINE.replace(b"41", b"[41]"),
    ):
        found = agree(tmp_path / "f.json", b"\n".join([first, LINE, LINE]), monkeypatch)
        assert [row["malformed"] for row in found] == [None] * 4


def test_files_of_all_kinds_together_keep_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [b"\n".join([LINE] * 300), b"[" + LINE + b"]", b"no record", b"\n".join([LINE, b"{", LINE])]
    files = []
    for number, data in enumerate(contents):
        (tmp_path / str(number)).write_bytes(data)
        files.append(as_claimed(tmp_path / str(number))._replace(number=number))
    found: list[Any] = []
    for least in (0, 2**40):
        monkeypatch.setattr(telemetry_frame, "_VECTORS_FROM_BYTES", least)
        table = telemetry_frame.at_hand(files, MOST_BYTES)
        assert table is not None
        found.append(sorted(table.to_pylist(), key=lambda row: (row["file_no"], row["position"] or 10**9)))
    assert found[0] == found[1]
    assert telemetry_frame.at_hand(files, 1000) is None


def test_bytes_that_are_no_longer_those_that_were_hashed_give_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry_frame, "_VECTORS_FROM_BYTES", 0)
    path = tmp_path / "f.json"
    path.write_bytes(LINE)
    claimed = as_claimed(path)
    path.write_bytes(LINE.replace(b"5.25", b"5.26"))
    with pytest.raises(ContentChangedError):
        telemetry_frame.at_hand([claimed], MOST_BYTES)


@pytest.mark.parametrize("over", [0, 1])
def test_what_is_longer_than_a_record_may_be_is_left_to_the_strict_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: int
) -> None:
    data = b"\n".join([LINE] * 50)
    agree(tmp_path / "f.json.gz", gzip.compress(data), monkeypatch)
    monkeypatch.setattr(telemetry_frame, "_VECTORS_FROM_BYTES", 0)
    monkeypatch.setattr(telemetry_frame, "_VECTORS_TO_BYTES", len(data) - over)
    assert vectors(tmp_path / "f.json.gz") is not bool(over)


def test_of_what_is_nested_in_a_field_the_kind_is_told_however_deep_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = [LINE.replace(b"5.25", b"[" * depth + b"]" * depth) for depth in (1, 2, 900, 960, 980, 990, 1000, 5000)]
    found = agree(tmp_path / "f.json", b"\n".join([*[LINE] * len(deep), *deep]), monkeypatch)
    assert {row["schema_error"] for row in found} == {None, "temperature=[…] is not a number"}
