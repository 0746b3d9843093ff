"""The job summary: complete, within GitHub's limit, and nothing in it that the scanned tree chose acts."""

import html
import re

import msgspec
import pytest
import verdicts
from hypothesis import given, settings
from markdown_it import MarkdownIt

from guarita.policy.gate.coverage import FileCoverage, FileStatus
from guarita.policy.gate.verdict import Problem, State
from guarita.scan.reports import reporter
from guarita.scan.reports.markdown import LIMIT

PARSER = MarkdownIt("commonmark", {"linkify": False}).enable(["table", "strikethrough"])
OURS = {"<details>", "</details>", "<summary>", "</summary>", "<code>", "</code>"}


def render(verdict):
    return reporter("markdown").render(verdict).decode()


def walk(tokens):
    for token in tokens:
        yield token
        yield from walk(token.children or [])


def shown(page):
    """The text of the page as a reader sees it."""
    return html.unescape(re.sub(r"<[^>]*>", "", PARSER.render(page)))


@settings(max_examples=80, deadline=None)
@given(verdicts.hostile)
def test_nothing_that_the_tree_chose_acts(verdict):
    page = render(verdict)
    tokens = list(walk(PARSER.parse(page)))
    for token in tokens:
        assert token.type not in {"image", "code_block", "em_open", "strong_em", "s_open", "hr"}
        if token.type in {"html_block", "html_inline"}:
            assert set(re.findall(r"<[^>]*>", token.content)) <= OURS
        if token.type == "heading_open":
            assert token.markup in {"#", "##"}
        if token.type == "link_open":
            assert re.match(r"https?://", token.attrs["href"])
    urls = [decision.finding.help_url for decision in verdict.decisions]
    assert sum(token.type == "link_open" for token in tokens) <= sum(bool(url) for url in urls)
    headings = [token for token in tokens if token.type == "heading_open"]
    assert len(headings) == len(re.findall(r"^#{1,2} ", page, re.MULTILINE))
    assert not [line for line in page.splitlines() if line.lstrip().startswith("::")]
    assert not re.search(r"##\w*\[", page)
    assert page.count("<details>") == page.count("</details>") == len(verdict.failing)


@settings(max_examples=80, deadline=None)
@given(verdicts.hostile)
def test_every_table_keeps_its_columns(verdict):
    for table in re.findall(r"(?:^\|.*\n)+", render(verdict), re.MULTILINE):
        assert len({len(re.findall(r"\|", row)) for row in table.splitlines()}) == 1


@pytest.mark.parametrize(
    "word", ["a | b", "`x`", "<b>x</b>", "[a](https://evil.example)", "- item", "--- ", "    code", "1. x"]
)
def test_a_hostile_word_is_shown_as_it_stands(word):
    page = render(
        verdicts.verdict(
            [verdicts.decision(verdicts.finding(message=word, path=f"d/{word}", snippet=((1, word),)))]
        )
    )
    assert shown(page).count(word.strip()) >= 3
    assert not [
        token for token in PARSER.parse(page) if token.type in {"code_block", "hr", "ordered_list_open"}
    ]


def test_every_state_is_said_in_words_with_its_reason():
    page = shown(render(verdicts.mixed(notes=("the waiver for B324 runs out on 2026-06-30",))))
    for part in (
        "Guarita: ❌ Failed",
        "waived by platform@example.com until 2026-06-30: checksum of a public file",
        "nosec, accepted by the policy: build scripts",
        "known before: it stands in the baseline",
        "the base revision has it already",
        "below the threshold",
        "nosec stands there, and the policy does not accept it",
        "docs/pt-BR/contrato.pdf (page 3)",
        "Pass a list of arguments",
        "subprocess.run(word, shell=True)",
        "the waiver for B324 runs out",
        "security/policy.yaml, from a file that was named",
    ):
        assert part in page


def test_unknown_says_what_and_why():
    page = shown(render(verdicts.unknown()))
    for part in (
        "❔ Unknown",
        "reading chart 7 of 9",
        "raise scan.timeout",
        "deploy/broken.yaml",
        "helm is not",
    ):
        assert part in page.replace("`", "")


def test_a_passing_verdict_says_so_and_shows_its_proof():
    page = shown(render(verdicts.verdict()))
    assert "✅ Passed" in page
    assert "1 file: 1 scanned, 0 excluded, 0 unparseable, 0 no-tool." in page
    assert "What fails" not in page


def test_five_thousand_findings_stay_within_the_limit_and_the_cut_is_said():
    page = render(verdicts.large())
    assert len(page.encode()) <= LIMIT
    (left,) = re.findall(r"\*\*([\d,]+) more entries left out here:\*\*", page)
    kept = page.count("<details>") + len(re.findall(r"^- .*: below the threshold", page, re.MULTILINE))
    assert int(left.replace(",", "")) + kept >= 4_900
    assert "## Proof of scan" in page


def test_texts_of_any_length_stay_within_the_limit():
    long = "|" * 1_000_000
    finding = verdicts.finding(
        path=long, message=long, fix=long, rule=long, title=long, resource=long, snippet=((1, long),)
    )
    files = [FileCoverage(path=f"{n}{long}", status=FileStatus.NO_TOOL, reason=long) for n in range(30)]
    problem = Problem(code="x", message=long, hint=long)
    bare = verdicts.verdict(
        [verdicts.decision(finding)], files=files, problems=[problem], notes=(long,) * 100
    )
    verdict = msgspec.structs.replace(bare, root="x", policy_source=long, revision=long, base=long)
    assert len(render(verdict).encode()) <= LIMIT


def test_a_long_list_of_unknown_files_is_cut_within_itself():
    files = [
        FileCoverage(path=f"charts/{n:05}.yaml", status=FileStatus.NO_TOOL, reason="helm is not installed")
        for n in range(20_000)
    ]
    page = render(verdicts.verdict(files=files))
    assert len(page.encode()) <= LIMIT
    assert "00000" in page
    assert "more entries left out here" in page


def test_only_what_fails_is_unfolded_in_detail():
    verdict = verdicts.mixed()
    assert render(verdict).count("<details>") == verdict.by_state()[State.FAILING.value]
