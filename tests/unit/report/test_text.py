"""Untrusted values as text, for whatever Hypothesis thinks of."""

import json
import unicodedata
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.report.markdown import escape
from verifier.report.text import LIMIT, clean, encode, value

ANY_TEXT = st.text(st.characters(), max_size=300)  # lone surrogates included
NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=20,
)
thorough = settings(deadline=None, max_examples=200)


def told_apart(item):
    """The value with its types, as 1, 1.0 and True are equal in Python."""
    if isinstance(item, dict):
        return {key: told_apart(member) for key, member in item.items()}
    if isinstance(item, list):
        return [told_apart(member) for member in item]
    return (isinstance(item, bool), item)


@thorough
@given(VALUES)
def test_what_is_encoded_reads_back_the_same(item):
    for indent in (None, 1):
        text = "".join(encode(item, indent=indent))
        assert text.isascii()
        assert told_apart(json.loads(text, parse_float=Decimal)) == told_apart(item)


@thorough
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_digits(number):
    assert value(number) == str(number)


@thorough
@given(ANY_TEXT)
def test_clean_text_is_one_short_visible_line(text):
    out = clean(text)
    assert len(out) <= LIMIT
    assert not any(unicodedata.category(char)[0] == "C" or char in "\u2028\u2029" for char in out)
    out.encode("utf-8")


@thorough
@given(ANY_TEXT)
def test_clean_text_stays_as_it_is(text):
    assert clean(clean(text)) == clean(text)


@thorough
@given(ANY_TEXT)
def test_escaped_markdown_holds_no_syntax_and_loses_nothing(text):
    from html import unescape

    line = clean(text)
    out = escape(line)
    assert not set(out) & set("<>|`*_[]()!\\~@:\"'{}$")
    assert unescape(out) == line
