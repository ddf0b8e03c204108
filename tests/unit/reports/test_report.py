"""A report's bytes: the same from the same versions whenever and wherever it is made, and nothing in it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smart_logistics.cli.main import app
from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS
from smart_logistics.contracts.silver import IOT_TELEMETRY
from smart_logistics.errors import ConfigurationError
from smart_logistics.lake import compaction, vacuum
from smart_logistics.reports import make, moment
from smart_logistics.reports.make import Format
from tests.unit.reports.conftest import decide
from tests.unit.views import lake
from tests.unit.views.lake import FIRST, MINUTE, START

HOSTILE = "S<script>alert(1)</script>\u202e'\"`;{{7*7}}\x00 दिल्ली 😀"
_ELSEWHERE = """
import sys
from smart_logistics.reports import make, moment
made = make.report(sys.argv[1], "S1", make.Format(sys.argv[2]), at=moment.parse(sys.argv[3]))
print(made.sha256, made.checksum)
"""


@pytest.mark.parametrize("format_", Format)
def test_from_the_same_versions_comes_the_same_to_the_byte(tmp_path: Path, format_: Format) -> None:
    root = str(tmp_path / "lakehouse")
    lake.a_journey(root)
    decide(root)
    first = make.report(root, "S1", format_)
    lake.put(root, IOT_TELEMETRY, [lake.reading(FIRST, START + 5 * MINUTE, 3.0)])
    decide(root, "later")
    for table in (IOT_TELEMETRY, SHIPMENT_ANALYTICS):
        for step in compaction.steps(root, table):
            compaction.apply(root, table, step)
    assert make.report(root, "S1", format_).content != first.content
    # Another process, another time zone, another language, another seed of hashes.
    at = moment.written(first.versions)
    words = [sys.executable, "-c", _ELSEWHERE, root, format_.value, at]
    zone = os.environ | {"TZ": "America/St_Johns", "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    told = subprocess.run(words, env=zone, capture_output=True, text=True, check=True).stdout.split()
    assert told == [first.sha256, first.checksum]


def test_page_and_paper_say_the_same(root: str) -> None:
    page, paper = (make.report(root, "S1", format_) for format_ in Format)
    assert page.checksum == paper.checksum
    assert page.checksum in page.content.decode()
    assert paper.content.startswith(b"%PDF-")


def test_a_version_that_is_gone_is_said(tmp_path: Path) -> None:
    root = str(tmp_path / "lakehouse")
    lake.a_journey(root)
    versions = make.report(root, "S1", Format.HTML).versions
    with pytest.raises(moment.VersionGone, match=r"gold\.shipment_analytics has no version 99"):
        make.report(root, "S1", Format.HTML, at={**versions, "gold.shipment_analytics": 99})
    lake.put(root, IOT_TELEMETRY, [lake.reading(FIRST, START + 5 * MINUTE, 3.0)])
    for step in compaction.steps(root, IOT_TELEMETRY):
        compaction.apply(root, IOT_TELEMETRY, step)
    assert vacuum.apply(root, IOT_TELEMETRY, 0).files
    with pytest.raises(moment.VersionGone, match="kept for a week"):
        make.report(root, "S1", Format.HTML, at=versions)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(root: str) -> None:
    page = make.report(root, "S1", Format.HTML).content.decode()
    read = _Tags()
    read.feed(page)
    names = {name for name, _ in read.tags}
    assert not names & {"script", "iframe", "object", "embed", "link", "b", "form"}
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on")]
    sources = [attributes["src"] for _, attributes in read.tags if "src" in attributes]
    assert len(sources) == 1
    assert all(source and source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert not re.search(r"https?://", page)
    assert "<b>" in read.text, "the reason's own text"


@pytest.mark.parametrize("format_", Format)
def test_a_hostile_id_is_text(tmp_path: Path, format_: Format) -> None:
    lake.put(str(tmp_path), SHIPMENT_ANALYTICS, [lake.gold_row(HOSTILE, origin_city=HOSTILE, destination_city="தமிழ்")])
    made = make.report(str(tmp_path), HOSTILE, format_).content
    if format_ is Format.HTML:
        page = made.decode()
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "{{7*7}}" in page
        assert "\u202e" not in page
    assert re.fullmatch(r"shipment-[A-Za-z0-9_-]+\.(html|pdf)", make.file_name(HOSTILE, format_))


@pytest.fixture
def home(root: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("LOGISTICS_LAKEHOUSE", root)
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def test_the_command_writes_a_file_that_its_own_line_reproduces(home: CliRunner) -> None:
    done = home.invoke(app, ["report", "S1"])
    assert done.exit_code == 0, done.output
    first = Path("shipment-S1.html").read_bytes()
    line = re.search(r"<code>(logistics report S1 --at [^<]+)</code>", first.decode())
    assert line is not None
    again = home.invoke(app, [*line[1].split()[1:], "--out", "again.html"])
    assert again.exit_code == 0, again.output
    assert Path("again.html").read_bytes() == first
    assert home.invoke(app, ["report", "S1", "--format", "pdf", "--out", "-"]).stdout_bytes.startswith(b"%PDF-")


def test_the_command_says_what_is_wrong(home: CliRunner) -> None:
    for words in (["report", "S77"], ["report", "S1", "--at", "x"], ["report", "S1", "--zone", "Mars"]):
        done = home.invoke(app, words)
        assert isinstance(done.exception, ConfigurationError), words
    unwritable = home.invoke(app, ["report", "S1", "--out", "no/such/folder/x.html"])
    assert "cannot write" in str(unwritable.exception)
