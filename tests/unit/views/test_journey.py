"""Which dead letters are a journey's: the same as if every one were read, however they hide it, and few are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from smart_logistics.contracts.bronze import REJECTED_RECORDS
from smart_logistics.lake.tables import uri
from smart_logistics.views import journey
from smart_logistics.views.journey import Excluded, Leg
from smart_logistics.views.snapshot import Snapshot
from tests.unit.views.lake import FIRST, HOUR, START, letter, put, record

END = START + 8 * HOUR
DAY = timedelta(days=1)
# Upper case makes two of its letters of others; a dot and a bracket mean something to a pattern.
ODD, SIGNS = "MI01SS0001", "A.B/(1"
INSIDE = "2026-11-02T08:20:00Z"
ESCAPED = r'{"truck_id": "KA01\u0041B0001", "timestamp": "%s"}'

# By number: the text, when it came, and whether it is the journey's.
LETTERS: dict[int, tuple[str | None, datetime, bool]] = {
    1: (record(f" {FIRST.lower()} ", INSIDE), START + HOUR, True),
    2: (ESCAPED % INSIDE, START + HOUR, True),
    3: (ESCAPED % INSIDE.replace("2", r"\u0032"), START + 90 * DAY, True),
    4: (ESCAPED % "yesterday", START + HOUR, True),
    5: (ESCAPED % "yesterday", END + 2 * DAY, False),
    6: (f"{{broken, {FIRST.lower()}", END + DAY - HOUR, True),
    7: (f"{{broken, {FIRST.lower()}", END + DAY, False),
    8: (f"{{broken {INSIDE} {FIRST}", END + 90 * DAY, False),
    9: (ESCAPED[:20], START + HOUR, False),
    # The days of these offsets are the one after, and the one before.
    10: (record(FIRST, "2026-11-03T15:50:00+23:59"), END + 90 * DAY, True),
    11: (record(FIRST, "2026-11-01T08:30:00-23:50"), END + 90 * DAY, True),
    12: (record(FIRST, "2026-11-02T16:00:00Z"), END + 90 * DAY, False),
    13: (record("KA01AB0002", INSIDE), START + HOUR, False),
    14: ('{"truck_id": "m\u013101\u00df0001", "timestamp": "' + INSIDE + '"}', START + HOUR, True),
    15: ("{broken, m\u013101\u00df0001", START + HOUR, True),
    16: (r'{"truck_id": "a.b\/(1", "timestamp": "' + INSIDE + '"}', START + HOUR, True),
    17: (record("AxB/(1", INSIDE), START + HOUR, False),
    18: ("{broken, a.b/(1", START + HOUR, True),
    19: (None, START + HOUR, False),
    20: (f'["{FIRST}"]', START + HOUR, True),
    21: ("[" * 100_000 + FIRST, START + HOUR, True),
    22: (record(FIRST, ""), START - HOUR, False),
}


def leg(truck: str, starts_at: datetime = START, ends_at: datetime | None = END) -> Leg:
    return Leg(1, truck, None, None, starts_at, ends_at, "COMPLETED")


LEGS = [leg(FIRST), leg(ODD), leg(SIGNS)]
BEGINNING, END_OF_TIME = datetime(1, 1, 3, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("journey") / "lakehouse")
    rows = [letter(n, "MALFORMED_JSON", "", at, raw_payload=text) for n, (text, at, _) in LETTERS.items()]
    put(root, REJECTED_RECORDS, rows)
    return root


def every_one_read(root: str, legs: list[Leg], monkeypatch: pytest.MonkeyPatch) -> list[Excluded]:
    with monkeypatch.context() as patched:
        patched.setattr(journey, "_could_be_of", lambda _: pc.scalar(True))
        return journey.rejected(Snapshot(root), legs)


def test_a_letter_is_found_however_it_writes_its_truck_and_time(root: str) -> None:
    found = {int(one.where.split(":")[1]) for one in journey.rejected(Snapshot(root), LEGS)}
    assert found == {number for number, (_, _, wanted) in LETTERS.items() if wanted}


@pytest.mark.parametrize(
    "legs",
    [
        LEGS,
        [leg(FIRST, ends_at=None)],
        [leg(FIRST, END - HOUR), leg(FIRST, START + 89 * DAY, None)],
        [leg(FIRST, ends_at=START + 20 * DAY), leg(SIGNS, START + 60 * DAY, START + 61 * DAY)],
        [leg(FIRST, ends_at=START + 2000 * DAY)],
        [leg(FIRST, ends_at=START - HOUR)],
        [leg(FIRST, BEGINNING, END_OF_TIME)],
        [leg(FIRST, BEGINNING, BEGINNING + DAY)],
    ],
    ids=["closed", "open", "one open", "two", "of years", "backwards", "of all times", "of the first days"],
)
def test_the_letters_are_those_that_would_be_found_if_every_one_were_read(
    root: str, legs: list[Leg], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert journey.rejected(Snapshot(root), legs) == every_one_read(root, legs, monkeypatch)


def test_letters_of_other_trucks_and_late_ones_of_other_days_are_not_taken_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(tmp_path)
    others = [letter(n, "MALFORMED_JSON", record(f"TN{n}", INSIDE), START + HOUR) for n in range(50)]
    late = [letter(n, "MALFORMED_JSON", record(FIRST, "2026-12-24T00:00:00Z"), END + 52 * DAY) for n in range(50, 99)]
    put(root, REJECTED_RECORDS, [*others, *late, letter(99, "MALFORMED_JSON", record(FIRST, INSIDE), START + HOUR)])
    read: list[str] = []

    def counted(text: str) -> dict[str, Any]:
        read.append(text)
        return {}

    monkeypatch.setattr(journey, "_record", counted)
    journey.rejected(Snapshot(root), [leg(FIRST)])
    assert read == [record(FIRST, INSIDE)]


def test_files_of_other_tables_and_of_days_before_are_not_opened(tmp_path: Path) -> None:
    root = str(tmp_path)
    place = Path(uri(root, REJECTED_RECORDS))
    before = letter(1, "MALFORMED_JSON", record(FIRST, INSIDE), START - 5 * DAY)
    for row in (before, letter(2, "MALFORMED_JSON", "{}", START, source_table="shipments")):
        put(root, REJECTED_RECORDS, [row])
        for file in place.rglob("*.parquet"):
            file.unlink()
    put(root, REJECTED_RECORDS, [letter(3, "MALFORMED_JSON", record(FIRST, INSIDE), START + HOUR)])
    assert [one.where for one in journey.rejected(Snapshot(root), [leg(FIRST)])] == ["f.json:3"]
