"""Strangers' values as text of an HTML page."""

from html import escape

from verifier.report.text import clean, value
from verifier.verdicts import JSON

LONG = 2000
"""Longest text of a cell, in characters."""


def text(item: object, limit: int | None = None) -> str:
    """Return any value's text, escaped for content and for attributes."""
    return escape(clean(item, limit or LONG), quote=True)


def json_text(item: JSON) -> str:
    """Return a JSON value's text, escaped likewise."""
    return escape(value(item, LONG), quote=True)
