"""The four renderers: what they say, and that no text from a document can do anything in them."""

import io
import json
import re
from decimal import Decimal
from html.parser import HTMLParser

import jsonschema
import pytest

from tests.unit.report.samples import HOSTILE, artifact, checked, hostile, ordinary
from verifier.report import explain, html, markdown, terminal, text
from verifier.report import json as report_json
from verifier.report.model import ArtifactReport, Report
from verifier.verdicts import Finding, Severity, Verdict

hostile_texts = pytest.mark.parametrize(
    "bad", HOSTILE, ids=[t[:12].encode("ascii", "replace").hex() for t in HOSTILE]
)


def shown(report, verbose=True):
    out = io.StringIO()
    terminal.show(report, out, verbose)
    return out.getvalue()


def test_json_report_follows_the_committed_schema():
    schema = json.loads(report_json.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(report_json.dumps(ordinary())), schema)


def test_schema_rejects_what_is_no_report():
    schema = json.loads(report_json.schema())
    for change in ({"schema": "alloy-report/2"}, {"counts": {}}, {"artifacts": [{"name": "x"}]}, {"more": 1}):
        document = json.loads(report_json.dumps(ordinary())) | change
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, schema)


def test_json_keeps_numbers_exactly_as_published():
    document = json.loads(report_json.dumps(ordinary()), parse_float=Decimal)
    claim = document["artifacts"][0]["claims"][0]
    assert (str(claim["claimed"]), str(claim["found"])) == ("88.40", "88.41")


def test_json_is_the_same_whatever_order_its_environment_was_filled_in():
    one = Report(artifacts=(), environment={"a": {"x": 1, "y": 2}, "b": 2})
    two = Report(artifacts=(), environment={"b": 2, "a": {"y": 2, "x": 1}})
    assert report_json.dumps(one) == report_json.dumps(two)


def test_only_the_timing_block_holds_times():
    base = ordinary()
    later = Report(artifacts=base.artifacts, environment=base.environment, timing={"started": "2026-01-01"})
    one, two = (json.loads(report_json.dumps(r)) for r in (base, later))
    assert one.pop("timing") != two.pop("timing")
    assert one == two


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity"), float("nan")])
def test_numbers_that_json_lacks_become_strings(number):
    assert json.loads(text.value([number]))[0] == str(
        Decimal(repr(number)) if isinstance(number, float) else number
    )


def test_very_long_integers_are_written_out():
    assert text.value([10**5000], None) == "[1" + "0" * 5000 + "]"


def test_encoder_refuses_what_is_no_json():
    with pytest.raises(TypeError, match="report value must be JSON, found bytes"):
        text.value({"a": b"x"})
    with pytest.raises(TypeError, match="report key must be a string, found int"):
        text.value({1: 2})


@hostile_texts
def test_json_of_hostile_texts_is_ascii_and_loses_nothing(bad):
    out = report_json.dumps(hostile(bad))
    assert out.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", out)
    assert json.loads(out)["artifacts"][0]["name"] == bad


@hostile_texts
def test_terminal_shows_hostile_texts_harmlessly(bad):
    out = shown(hostile(bad))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", out)
    assert len(out) < 20_000
    out.encode("utf-8")


def test_terminal_does_not_read_markup_in_names():
    assert "[bold red]markup[/]" in shown(hostile(HOSTILE[2]))
    assert ":smile:" in shown(hostile(HOSTILE[2]))


def test_terminal_explains_a_refuted_claim_on_one_line():
    lines = [line for line in shown(ordinary(), verbose=False).splitlines() if "REFUTED  " in line]
    assert len(lines) == 3  # the table's head, and one for each artifact
    assert " ".join(lines[1].split()) == (
        "REFUTED card-c-refuted: claimed 88.40, found 88.41, at /results/score "
        "(145 of 164 problems are confirmed)"
    )


def test_terminal_shows_other_claims_only_when_asked():
    assert "card-c-verified" not in shown(ordinary(), verbose=False)
    assert "card-c-verified" in shown(ordinary(), verbose=True)


def test_terminal_has_no_colour_off_a_terminal():
    assert "\x1b" not in shown(ordinary())


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_colour_on_a_terminal_unless_no_color_is_set(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = Terminal(), Terminal()
    terminal.show(ordinary(), coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    terminal.show(ordinary(), plain)
    assert "\x1b[1;31m" in coloured.getvalue()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", plain.getvalue())


@pytest.mark.parametrize(("columns", "hashes"), [("80", False), ("120", True)])
def test_names_and_counts_stay_readable_at_the_width_of_the_terminal(monkeypatch, columns, hashes):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", columns)
    stream = Terminal()
    terminal.show(ordinary(), stream)
    out = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    row = next(line.split() for line in out.splitlines() if line.startswith(" card"))
    assert row == ["card", *(["0123456789abcdef"] if hashes else []), "1", "1", "1", "1", "1", "20", "%"]
    assert all(v.value in out.splitlines()[1] for v in Verdict)
    assert any("card-c-refuted" in line and line.endswith("confirmed)") for line in out.splitlines())


def test_an_artifact_without_claims_is_no_pass():
    empty = Report(artifacts=(ArtifactReport(name="bare", alloy_hash=None, checked=()),), environment={})
    assert "makes no claim" in shown(empty, verbose=False)
    assert "no claims" in markdown.summary(empty)
    assert "nothing was checked" in html.page(empty)


def tags_of(page):
    class Collect(HTMLParser):
        def __init__(self):
            super().__init__()
            self.seen, self.attributes = [], []

        def handle_starttag(self, tag, attrs):
            self.seen.append(tag)
            self.attributes += [name for name, _ in attrs]

    collect = Collect()
    collect.feed(page)
    return collect


@hostile_texts
def test_html_of_hostile_texts_has_the_tags_of_a_harmless_one(bad):
    harmless, attacked = tags_of(html.page(hostile("ok"))), tags_of(html.page(hostile(bad)))
    assert attacked.seen == harmless.seen
    assert attacked.attributes == harmless.attributes
    assert attacked.seen.count("script") == 1


def test_html_loads_nothing_and_names_its_only_script():
    page = html.page(ordinary())
    assert not re.search(r"(?:src|href)\s*=\s*[\"'](?!#)", page)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert "default-src &#x27;none&#x27;" in policy[1]
    assert page.count("<script>") == 1


def test_html_grid_tells_the_fates_of_a_problem_apart():
    cells = re.findall(r'<td class="(\w+)[^"]*" title="([^,">]+), student: ([^("]+)', html.page(ordinary()))
    assert [(name, task, said.strip()) for name, task, said in cells] == [
        ("pass", "HumanEval/2", "solved"),
        ("fooled", "HumanEval/3", "passes the official judge, not the isolated one"),
        ("open", "HumanEval/4", "undecided on this machine"),
        ("fail", "HumanEval/10", "not solved"),
    ]


def test_html_has_a_row_for_every_claim():
    assert html.page(ordinary()).count('<tr class="claim"') == 10


@hostile_texts
def test_markdown_of_hostile_texts_keeps_its_table_and_no_syntax(bad):
    out = markdown.summary(hostile(bad))
    bare = re.sub(r"</?code>|&#\d+;|NOT_CHECKED|\*\*$", "", out)
    assert not re.search(r"[<>`@\[\]_#~\\]|https?:|www\.|!\[", bare)
    rows = [line for line in out.splitlines() if line.startswith("| <code>")]
    assert len(rows) == 4  # one artifact, one refuted, one broken, one recomputed score
    assert {row.count("|") for row in rows} == {8, 7}


def test_markdown_names_claimed_and_found():
    assert "<code>88.40</code> | <code>88.41</code>" in markdown.summary(ordinary())


@pytest.mark.parametrize(
    ("part", "rest", "expected"),
    [(0, 0, "no claims"), (0, 9, "0 %"), (1, 999, "<1 %"), (999, 1, ">99 %"), (2, 0, "100 %")],
)
def test_share_never_rounds_to_a_whole_that_is_untrue(part, rest, expected):
    assert explain.share({Verdict.VERIFIED: part, Verdict.REFUTED: rest}, Verdict.VERIFIED) == expected


def test_markdown_has_every_recomputed_score_with_its_interval_and_every_comparison():
    out = markdown.summary(ordinary())
    assert "| <code>humaneval</code> | student | 88.40 | 25.00 | 6.00 to 79.00 | 1 of 4 |" in out
    line = (
        "student -66.7 points from base over 3 problems, 0 gained, 2 lost, p 0.500&#58; not distinguishable"
    )
    assert line in out


def lines_with(words, report, verbose):
    return [line for line in shown(report, verbose).splitlines() if words in line]


def test_terminal_has_one_line_for_a_comparison_unless_there_are_many_artifacts():
    card = ordinary().artifacts[0]
    one, many = (Report(artifacts=(card,) * n, environment={}) for n in (1, 9))
    assert len(lines_with("points from", one, False)) == 1
    assert lines_with("points from", many, False) == []
    assert len(lines_with("points from", many, True)) == 9


def test_terminal_says_briefly_that_samples_are_worth_a_look():
    def card(severity):
        note = Finding(code="answers-repeated", severity=severity, pointer="/results", message="so many")
        return artifact(findings=(note,), claims=(checked(),))

    for severity, of_many in ((Severity.WARNING, 9), (Severity.NOTE, 0)):
        one, many = (Report(artifacts=(card(severity),) * n, environment={}) for n in (1, 9))
        assert (
            len(lines_with("samples worth a look: answers-repeated (1 note, shown by -v)", one, False)) == 1
        )
        assert len(lines_with("worth a look", many, False)) == of_many
        assert lines_with("so many", one, False) == []
        assert len(lines_with("answers-repeated: so many", one, True)) == 1


def test_one_line_stays_one_line():
    line = explain.one_line(checked(reason="a\nb", expected={"deep": ["\n"]}))
    assert "\n" not in line


def test_counts_always_hold_all_five_verdicts():
    assert set(artifact().counts()) == set(Verdict)
