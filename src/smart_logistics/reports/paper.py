"""A report on paper: PDF with its fonts inside, and nothing in it that a second making would change."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import fontpkg_fira_sans
import fontpkg_mukta
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import WrapMode, XPos, YPos
from fpdf.fonts import FontFace

from smart_logistics.reports import chart
from smart_logistics.reports.document import Chart, Code, Document, Facts, Grid, Part, Text

_LATIN, _INDIC = "Fira Sans", "Mukta"
_FILES = {
    (_LATIN, ""): Path(fontpkg_fira_sans.ROOT, "files", "FiraSans-Regular.ttf"),
    (_LATIN, "B"): Path(fontpkg_fira_sans.ROOT, "files", "FiraSans-SemiBold.ttf"),
    (_INDIC, ""): Path(fontpkg_mukta.ROOT, "files", "Mukta-Regular.ttf"),
}
_LOUD, _DIM, _LINE = (143, 20, 20), (80, 87, 94), (201, 206, 211)
_MARGIN, _LEADING, _LONG_WORD = 15, 4.6, 24


class _Paper(FPDF):
    def __init__(self, document: Document) -> None:
        super().__init__(format="A4")
        self._document = document
        self.set_title(_drawable(document.title))
        self.set_lang("en")
        self.set_creator("smart-logistics")
        self.set_creation_date(document.as_of)
        self.set_margins(_MARGIN, _MARGIN, _MARGIN)
        self.set_auto_page_break(True, margin=20)
        for (family, style), path in _FILES.items():
            self.add_font(family, style, path)
        self.set_fallback_fonts([_INDIC], exact_match=False)
        self.set_text_shaping(True)

    def file_id(self) -> str:
        """Return the identifier of the file: the content's, where it would be made of the moment."""
        return f"<{self._document.checksum[:32]}><{self._document.checksum[:32]}>"

    def header(self) -> None:
        if self.page_no() > 1:
            self._small(self._document.title)
            self.ln(2)

    def footer(self) -> None:
        self.set_y(-15)
        self._small(f"Page {self.page_no()} of {{nb}} · content SHA-256 {self._document.checksum}")

    def _small(self, text: str) -> None:
        self.set_font(_LATIN, size=7)
        self.set_text_color(*_DIM)
        self.cell(0, 4, _drawable(text).replace("\n", " ")[:160], new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_text_color(0)

    def say(self, text: str, size: float = 9, style: str = "", colour: tuple[int, int, int] = (0, 0, 0)) -> None:
        """Write a paragraph."""
        self.set_font(_LATIN, style, size)
        self.set_text_color(*colour)
        self.multi_cell(
            0, size * 0.5, _drawable(text), align="L", wrapmode=_wrap([text]), new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        self.set_text_color(0)
        self.ln(1.2)


def render(document: Document) -> bytes:
    """Return the report as PDF."""
    paper = _Paper(document)
    paper.add_page()
    paper.say(document.title, 15, "B")
    paper.say(document.verdict, 11, "B")
    paper.say(document.subtitle, 8, colour=_DIM)
    for section in document.sections:
        if paper.will_page_break(25):
            paper.add_page()
        paper.ln(2)
        paper.say(section.title, 12, "B")
        for part in section.parts:
            _draw(paper, part)
    return bytes(paper.output())


def _draw(paper: _Paper, part: Part) -> None:
    match part:
        case Text():
            paper.say(part.text, style="B" if part.strong else "", colour=_LOUD if part.strong else (0, 0, 0))
        case Code():
            paper.say(part.text, 7.5, colour=_DIM)
        case Chart():
            paper.image(io.BytesIO(chart.png(part.specification)), w=paper.epw, alt_text=_drawable(part.told))
            paper.ln(1)
            paper.say(part.told, 7.5, colour=_DIM)
        case Facts():
            _table(paper, None, part.rows, (3, 7))
        case Grid() if part.rows:
            _table(paper, part.head, part.rows, part.widths)
        case Grid():
            paper.say(part.none, colour=_DIM)


def _table(
    paper: _Paper, head: tuple[str, ...] | None, rows: tuple[tuple[str, ...], ...], widths: tuple[int, ...]
) -> None:
    paper.set_font(_LATIN, size=8)
    paper.set_draw_color(*_LINE)
    with paper.table(
        col_widths=widths,
        line_height=_LEADING * 0.85,
        text_align="LEFT",
        v_align="TOP",
        borders_layout="HORIZONTAL_LINES" if head else "NONE",
        first_row_as_headings=head is not None,
        headings_style=FontFace(emphasis="BOLD"),
        wrapmode=_wrap([cell for row in rows for cell in row]),
        padding=0.6,
    ) as table:
        for row in ([head] if head else []) + list(rows):
            drawn = table.row()
            for cell in row:
                drawn.cell(_drawable(cell))
    paper.ln(2)


def _wrap(texts: Sequence[str]) -> WrapMode:
    """Return where lines are broken: anywhere, if a word is longer than a column may be wide."""
    return WrapMode.CHAR if any(len(word) > _LONG_WORD for text in texts for word in text.split()) else WrapMode.WORD


def _drawable(text: str) -> str:
    """Return a text in which characters that no font of ours has are spelt out, rather than shown as an empty box."""
    known = _characters()
    return "".join(c if c == "\n" or ord(c) in known else f"[U+{ord(c):04X}]" for c in text)


@cache
def _characters() -> frozenset[int]:
    found: set[int] = {0x200C, 0x200D}
    for (_, style), path in _FILES.items():
        if not style:
            found |= TTFont(path).getBestCmap().keys()
    return frozenset(found)
