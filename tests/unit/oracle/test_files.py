"""Contract §4 on files, computed by hand."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest

from tests.oracle.files import Content, is_taken, read, take
from tests.oracle.model import TakenFile

PLAIN = "iot_telemetry_20260301_000000_a.json"
ZIPPED = PLAIN + ".gz"
AT = datetime(2026, 4, 1, tzinfo=UTC)


def verdicts(content: Content) -> str:
    """One letter a record, in order: o = object, x = malformed."""
    assert [record.position for record in content.records] == list(range(1, len(content.records) + 1))
    return "".join("x" if record.value is None else "o" for record in content.records)


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        (PLAIN, True),
        (ZIPPED, True),
        ("iot_telemetry_20260301_000000_a b:%\n.json", True),
        ("iot_telemetry_20260301_000000_.json", False),
        ("iot_telemetry_20260301_000000.json", False),
        ("iot_telemetry_20260301_00000_a.json", False),
        ("." + PLAIN, False),
        ("_" + PLAIN, False),
        (PLAIN + ".tmp", False),
        (PLAIN + ".part", False),
        (PLAIN.upper(), False),
        (PLAIN + "\n", False),
    ],
)
def test_only_names_of_the_pattern_are_taken(name: str, taken: bool) -> None:
    assert is_taken(name) is taken


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"a":1}\n{"a":2}\n', "oo"),
        (b'\xef\xbb\xbf{"a":1}\r\n\r\n \t\n\xe2\x80\x83\n{"a":2}', "oo"),
        (b'{"a":1}\n\xff\n{"a":"\xff"}\n{}', "oxxo"),
        (b'{"a":1}\n[{"a":2}]\n1\nnull\n"x"', "oxxxx"),
        (b'{"a":1}{"a":2}\n{}\r{}\n{},\n{}', "xxxo"),
        (b'{}\n{"a":NaN,"b":Infinity,"c":-Infinity,"d":1e999}\n{"a":nan}\n{"a":01}', "ooxx"),
        (b'{}\n{"a":\'x\'}\n{"a":"\t"}\n\xc2\xa0{}\n\xef\xbb\xbf{}', "oxxxx"),
        (b'{"a":"\\ud800"}\n{"a":"\xed\xa0\x80"}', "ox"),
        (b'{"a":"\xe2\x80\xa8"}\x0b\n{"a":"\xe2\x80\xa8"}', "xo"),
        (b'{"a":' + b"9" * 5000 + b"}", "o"),
    ],
)
def test_a_line_is_a_record_and_is_an_object_or_malformed(data: bytes, found: str) -> None:
    assert verdicts(read(PLAIN, data)) == found


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'[{"a":1},{"a":2}]', "oo"),
        (b'\xef\xbb\xbf\n \r\n\t[ {"a":1} ,\n{"a":2} ] \r\n\n', "oo"),
        (b'[{"a":1},1,null,[{"a":2}],{"a":3}]', "oxxxo"),
        (b'[{"a":1},{"a":"\xff"},{"a":3}]', "oxo"),
        (b'[{"a":1},{"a":2', "ox"),
        (b'[{"a":1},{"a":2}', "oox"),
        (b'[{"a":1},{"a":2},', "oox"),
        (b'[{"a":1},{"a":2},]', "oox"),
        (b'[{"a":1} {"a":2},{"a":3}]', "ox"),
        (b'[{"a":1},,{"a":3}]', "ox"),
        (b'[{"a":1},{a:2},{"a":3}]', "ox"),
        (b'[{"a":1},{"a":\xff},{"a":3}]', "ox"),
        (b'[{"a":1}] x\n{"a":2}', "ox"),
        (b'[{"a":1}]\xc2\xa0\n', "o"),
    ],
)
def test_elements_of_an_array_are_read_one_by_one_up_to_the_damage(data: bytes, found: str) -> None:
    assert verdicts(read(PLAIN, data)) == found


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b" \r\n\t\n", b"[]", b" [ ]\n", b"\xc2\xa0\n[]"])
def test_a_file_without_records_is_loaded_with_none(data: bytes) -> None:
    assert read(PLAIN, data) == Content("LOADED")
    assert read(ZIPPED, gzip.compress(data)) == Content("LOADED")


@pytest.mark.parametrize("data", [b"x", b"[", b"1\n2", b"[1,2]", b"[] x", "{}\n".encode("utf-16"), b'[1]\n{"a":1}'])
def test_a_file_of_bytes_without_a_readable_record_has_failed(data: bytes) -> None:
    assert read(PLAIN, data) == Content("FAILED")


def test_the_raw_text_of_a_record_is_its_own_without_its_line_end() -> None:
    assert [record.text for record in read(PLAIN, b' {"a": 1.50}\r\n{"b"').records] == [' {"a": 1.50}', '{"b"']
    assert [record.text for record in read(PLAIN, b'[ {"a":1}, {"b"]').records] == ['{"a":1}', '{"b"]']


def test_gzip_members_follow_one_another_and_zeros_may_pad_them() -> None:
    data = gzip.compress(b'{"a":1}\n{"a"') + gzip.compress(b":2}\n") + bytes(512)
    assert verdicts(read(ZIPPED, data)) == "oo"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"a":1}\n{"a":2}\n', "oox"),  # complete lines, nothing after them: the rest is a record of its own
        (b'{"a":1}\n{"a":2', "ox"),  # the incomplete piece and the rest are one
        (b'{"a":1}\n{"a":2}', "oox"),  # the last piece is complete: loaded, the rest is one more
        (b'{"a":1}\n12', "ox"),
        (b'{"a":1}\n \n', "ox"),
        (b'[{"a":1},{"a":2}]', "oox"),
        (b'[{"a":1},{"a":2}', "oox"),
        (b'[{"a":1},{"a":', "ox"),
    ],
)
def test_of_a_damaged_gzip_what_can_be_read_is_loaded_and_the_rest_is_one_record(text: bytes, found: str) -> None:
    whole = gzip.compress(text)
    for damaged in (whole[:-1], whole[:-8], whole[:-8] + bytes(8), whole + b"x"):
        assert verdicts(read(ZIPPED, damaged)) == found


def test_a_gzip_cut_in_its_data_gives_the_lines_before_the_cut() -> None:
    lines = [b'{"a":"%032x"}' % (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128) for number in range(2000)]
    data = gzip.compress(b"\n".join(lines))
    content = read(ZIPPED, data[: len(data) // 2])
    *loaded, rest = content.records
    assert [record.text.encode() for record in loaded] == lines[: len(loaded)]
    assert 800 < len(loaded) < 1200
    assert rest.value is None


@pytest.mark.parametrize("data", [b'{"a":1}\n', gzip.compress(b'{"a":1}\n')[:10], gzip.compress(b"")[:-1], b"\0" * 40])
def test_a_gzip_that_gives_no_record_has_failed(data: bytes) -> None:
    assert read(ZIPPED, data) == Content("FAILED")


def test_bytes_are_loaded_once_whatever_their_name_and_a_failed_file_may_come_again() -> None:
    sound, broken = b'{"a":1}\n', b"x"
    names = [f"iot_telemetry_20260301_000000_{letter}.json" for letter in "abcd"]
    files = [TakenFile(name, data, AT) for name, data in zip(names, [sound, sound, broken, broken], strict=True)]
    files += [TakenFile(names[0], b'{"a":2}\n', AT), TakenFile("." + PLAIN, sound, AT), TakenFile(names[0], sound, AT)]
    assert [file.status for file in take(files)] == ["LOADED", "DUPLICATE", "FAILED", "FAILED", "LOADED", "DUPLICATE"]
