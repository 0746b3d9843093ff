"""The HTML report as text: its structure is ours whatever the verdict holds, and its policy names its parts."""

import base64
import hashlib
import html
import re
import unicodedata
from html.parser import HTMLParser

import pytest
import verdicts
from hypothesis import given, settings

from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import State
from guarita.scan.reports import reporter
from guarita.scan.reports.escape import printable
from guarita.scan.reports.html.charts import Charts
from guarita.scan.reports.html.view import MOST

VOID = {"meta", "link", "input", "br"}
SHAPES = {"path", "rect", "circle"}


class Page(HTMLParser):
    """The elements, attributes and text of a page; `open` is empty at the end when all is balanced."""

    def __init__(self, raw: bytes):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(raw.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def render(verdict):
    return reporter("html").render(verdict)


TAGS = {tag for tag, _ in Page(render(verdicts.unknown())).elements} | {
    tag for tag, _ in Page(render(verdicts.mixed())).elements
}
NAMES = {
    name
    for verdict in (verdicts.unknown(), verdicts.mixed())
    for _, attributes in Page(render(verdict)).elements
    for name in attributes
}


@settings(max_examples=60, deadline=None)
@given(verdicts.hostile)
def test_no_verdict_brings_an_element_or_attribute_of_its_own(verdict):
    raw = render(verdict)
    page = Page(raw)
    assert page.open == []
    assert {tag for tag, _ in page.elements} <= TAGS | {"path", "circle", "rect", "br"}
    for tag, attributes in page.elements:
        assert set(attributes) <= NAMES | {"d", "cx", "cy", "r", "open"}
        assert not [name for name in attributes if name.startswith("on") or name in {"style", "src"}], tag
    for link in page.all("a"):
        assert re.match(r"https?://|#", link["href"])
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert len([d for d in page.all("details") if d["class"] == "finding"]) == len(verdict.decisions)


@settings(max_examples=60, deadline=None)
@given(verdicts.hostile)
def test_nothing_invisible_is_on_the_page(verdict):
    shown = html.unescape(render(verdict).decode())
    hidden = {c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}}
    assert hidden <= {"\n"}


@pytest.mark.parametrize("word", verdicts.HOSTILE)
def test_a_hostile_word_is_shown_as_it_stands(word):
    finding = verdicts.finding(message=f"m{word}", title=f"t{word}", path=f"p/{word}", snippet=((1, word),))
    text = "".join(Page(render(verdicts.verdict([verdicts.decision(finding, reason=word)]))).texts)
    for part in (f"m{word}", f"t{word}", f"p/{word}", word):
        assert printable(part) in text


def test_the_policy_names_the_one_script_and_the_one_style_by_digest():
    raw = render(verdicts.mixed()).decode()
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', raw)
    directives = dict(part.split(" ", 1) for part in html.unescape(policy).split("; "))
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", raw, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert directives[directive] == f"'sha256-{digest}'"
    assert directives["default-src"] == directives["base-uri"] == directives["form-action"] == "'none'"


def test_the_answer_its_reasons_and_the_proof_are_on_the_page():
    text = " ".join("".join(Page(render(verdicts.unknown())).texts).split())
    for part in (
        "Unknown",
        "2 files could not be judged",
        "reading chart 7 of 9",
        "raise scan.timeout in the policy",
        "deploy/broken.yaml unparseable: line 4: mapping values are not allowed",
        "logo.png binary: no text, and of no kind that is scanned",
        "from a file that was named",
        "bandit 1.9.4 on Python 3.11",
    ):
        assert part in text


def test_every_state_is_told_apart():
    page = Page(render(verdicts.mixed()))
    states = [details["data-state"] for details in page.all("details") if "data-state" in details]
    assert set(states) == {state.value for state in State}
    assert states[0] == "failing"
    text = " ".join("".join(page.texts).split())
    assert "waived by platform@example.com until 2026-06-30: checksum of a public file" in text
    assert "nosec: constant input" in text


def test_rings_are_whole_and_count_what_fails():
    charts = Charts(verdicts.mixed())
    assert [(segment.label, segment.count) for segment in charts.severities] == [("critical", 1), ("high", 2)]
    for ring in (charts.severities, charts.files):
        assert sum(segment.length for segment in ring) == pytest.approx(100, abs=0.01)
    assert Charts(verdicts.verdict()).severities == ()


def test_the_longest_bar_is_full_and_the_others_in_proportion():
    found = [
        verdicts.decision(verdicts.finding(path=p, line=n)) for n, p in enumerate("aab/c", 1) if p != "/"
    ]
    bars = Charts(verdicts.verdict(found)).folders
    assert [(bar.name, bar.total) for bar in bars] == [("(the root)", 4)]
    deep = [
        verdicts.decision(verdicts.finding(path=f"{folder}/x/y/z.py", line=line))
        for folder, lines in (("a", 4), ("b", 1))
        for line in range(1, lines + 1)
    ]
    a, b = Charts(verdicts.verdict(deep)).folders
    assert (a.name, b.name) == ("a/x/", "b/x/")
    assert sum(s.length for s in a.segments) == pytest.approx(100)
    assert sum(s.length for s in b.segments) == pytest.approx(25)


def test_beyond_its_bound_the_worst_stay_and_the_cut_is_said():
    low = [
        verdicts.decision(
            verdicts.finding(line=n, severity=Severity.LOW, fingerprint=f"{n:032x}"), State.BELOW
        )
        for n in range(1, MOST + 1)
    ]
    verdict = verdicts.verdict([*low, verdicts.decision(verdicts.finding())])
    page = Page(render(verdict))
    kept = [details["data-state"] for details in page.all("details") if "data-state" in details]
    assert (len(kept), kept[0]) == (MOST, "failing")
    assert "1 more of the least severity" in "".join(page.texts)
