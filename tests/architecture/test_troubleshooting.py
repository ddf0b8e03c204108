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


def entries() -> dict[str, dict[str, str]]:
    """Return what the page says of each symptom, by its heading."""
    found = {}
    for part in re.split(r"^### ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        body = re.split(r"^## ", body, flags=re.MULTILINE)[0]
        found[heading] = dict(re.findall(r"^- ([A-Z][a-z ]+): (.*)$", body, re.MULTILINE))
    return found


def printed() -> list[str]:
    """Return every text of the sources but what explains them; what is put into one is …"""
    texts = []
    for path in (REPOSITORY / "src").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        explains = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explains:
                texts.append(re.sub(r"%[sdg]", "…", node.value))
    return texts


def symptoms(said: str) -> list[str]:
    """Return the texts in code style."""
    return re.findall(r"`([^`]+)`", said)


def is_printed(symptom: str, texts: list[str]) -> bool:
    """Whether one message holds it, word for word but for what is put in."""
    pattern = re.compile(".*".join(re.escape(part) for part in symptom.split("…")), re.DOTALL)
    return any(pattern.search(text) for text in texts)


def test_there_are_enough_and_each_is_whole() -> None:
    found = entries()
    assert len(found) >= FEWEST
    assert {
        heading for heading, facts in found.items() if not {"You see", "Because", "Do", "Shown by"} <= facts.keys()
    } == set()


def test_what_you_see_is_what_the_code_prints() -> None:
    texts = printed()
    loud = {heading: facts["You see"] for heading, facts in entries().items() if SILENT not in facts["You see"]}
    assert [heading for heading, said in loud.items() if not symptoms(said)] == []
    unknown = [text for said in loud.values() for text in symptoms(said) if not is_printed(text, texts)]
    assert unknown == []


def test_a_text_that_nobody_prints_is_noticed() -> None:
    texts = ["the disk of … is full: …"]
    assert is_printed("the disk of … is full", texts)
    assert not is_printed("the disk of … is empty", texts)
    assert not is_printed("is full: … the disk of", texts)


def test_each_is_shown_by_a_test_that_is_there() -> None:
    for heading, facts in entries().items():
        path, _, function = facts["Shown by"].strip("`").partition("::")
        assert f"def {function}(" in (REPOSITORY / path).read_text("utf-8"), heading


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
