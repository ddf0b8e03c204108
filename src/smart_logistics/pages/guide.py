"""The troubleshooting page of the documentation, as HTML, so that an alert can lead to its entry."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt
from markdown_it.token import Token

from smart_logistics.pages import web
from smart_logistics.pages.auth import user_of_the_pipeline
from smart_logistics.settings import REPOSITORY

router = APIRouter(dependencies=[Depends(user_of_the_pipeline)])
_PAGE = REPOSITORY / "docs" / "troubleshooting.md"


@router.get("/guide")
def page(request: Request) -> HTMLResponse:
    """Return the page."""
    try:
        text = _PAGE.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise HTTPException(404, "docs/troubleshooting.md does not lie beside this installation") from None
    return web.page(request, "guide.html", text=_rendered(text))


@lru_cache(maxsize=1)
def _rendered(text: str) -> str:
    """Return Markdown of our own as HTML; HTML inside of it stays text, and links to other pages of docs are none."""
    reader = MarkdownIt("commonmark", {"html": False})
    tokens = reader.parse(text)
    for heading, content in pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrSet("id", slug(content.content))
    for token in tokens:
        token.children = _without_other_pages(token.children or []) if token.children else token.children
    return str(reader.renderer.render(tokens, reader.options, {}))


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _without_other_pages(tokens: list[Token]) -> list[Token]:
    kept, skipping = [], False
    for token in tokens:
        if token.type == "link_open" and not str(token.attrGet("href")).startswith("#"):
            skipping = True
        elif token.type == "link_close" and skipping:
            skipping = False
        else:
            kept.append(token)
    return kept
