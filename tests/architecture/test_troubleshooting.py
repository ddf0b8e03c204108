"""Each symptom on the troubleshooting page is what the code prints, and each test that shows one is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from smart_logistics.errors import FAMILY, LogisticsError

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "troubleshooting.md"
FEWEST = 25
# Where nothing is printed, the page says so.
SILENT = "nothing: "
# Shorter literal parts of a symptom could be found anywhere.
_SHORTEST = 4


def entries() -> dict[str, dict[str, str]]:
    """Return what the page says of each symptom, by its heading."""
    found = {}
    for part in re.split(r"^### ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        body = re.split(r"^## ", body, flags=re.MULTILINE)[0]
        found[heading] = dict(re.findall(r"^- ([A-Z][a-z ]+): (.*)$", body, re.MULTILINE))
    return found


def printed() -> list[str]:
    """Return every text of the sources; what is put into one is …"""
    texts = []
    for path in (REPOSITORY / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(re.sub(r"%[sdg]", "…", node.value))
    return texts


def literals(symptom: str) -> list[str]:
    """Return the literal parts of the texts in code style."""
    parts = [part.strip() for text in re.findall(r"`([^`]+)`", symptom) for part in text.split("…")]
    return [part for part in parts if len(part) >= _SHORTEST]


def test_there_are_enough_and_each_is_whole() -> None:
    found = entries()
    assert len(found) >= FEWEST
    assert {heading for heading, facts in found.items() if not {"You see", "Because", "Do"} <= facts.keys()} == set()


def test_what_you_see_is_what_the_code_prints() -> None:
    texts = printed()
    unknown = {
        part
        for facts in entries().values()
        if not facts["You see"].startswith(SILENT)
        for part in literals(facts["You see"])
        if not any(part in text for text in texts)
    }
    assert unknown == set()


def test_most_are_shown_by_a_test_and_each_of_those_is_there() -> None:
    named = [facts["Shown by"].strip("`") for facts in entries().values() if "Shown by" in facts]
    assert len(named) >= FEWEST
    for name in named:
        path, _, function = name.partition("::")
        assert f"def {function}(" in (REPOSITORY / path).read_text("utf-8"), name


def test_every_link_of_the_page_leads_somewhere() -> None:
    text = PAGE.read_text("utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert len(anchors) == len(set(anchors)), "an anchor that two headings make is none"
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= set(anchors)


@pytest.mark.parametrize("kind", [LogisticsError, *FAMILY], ids=lambda kind: kind.__name__)
def test_each_error_has_an_entry_that_says_its_code_and_whether_it_is_tried_again(kind: type[LogisticsError]) -> None:
    sections = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    by_anchor = {re.sub(r"[^\w\- ]", "", part.splitlines()[0].lower()).replace(" ", "-"): part for part in sections}
    said = by_anchor[kind.guide]
    if kind is not LogisticsError:
        assert f"xit code {kind.exit_code}" in said
        assert ("not retried" in said) is not kind.transient
