"""The report for a person: by rule, with code and cure, the answer last, in any width, with nothing that acts."""

import io
import re
import unicodedata

import pytest
import verdicts
from hypothesis import given, settings
from rich.console import Console

from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import PolicyOrigin, Recorded
from guarita.scan.reports import reporter

LONE = re.compile(r"^ *\S+$|https://|--output|--write-baseline|[\w/]+\.\w+(:\d+| \(page)")
"""Lines that are not broken: places, addresses and commands, which somebody copies."""


def render(verdict):
    return reporter("text").render(verdict).decode()


def shown(verdict, width, *, force_terminal=True, color_system=None):
    sink = io.StringIO()
    console = Console(
        file=sink, width=width, highlight=False, force_terminal=force_terminal, color_system=color_system
    )
    reporter("text").show(verdict, console)
    return sink.getvalue()


@settings(max_examples=80, deadline=None)
@given(verdicts.hostile)
def test_nothing_that_the_tree_chose_acts(verdict):
    text = render(verdict)
    hidden = {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}}
    assert hidden <= {"\n"}
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
    assert not re.search(r"##\w*\[", text)
    assert verdict.result.value.upper() in text


def test_markup_in_a_name_is_text():
    finding = verdicts.finding(path="[red]x[/red].py", message="[bold]m[/bold]", title="[link=x]t[/link]")
    text = render(verdicts.verdict([verdicts.decision(finding)]))
    assert "[red]x[/red].py:112" in text
    assert "[bold]m[/bold]" in text
    assert "[link=x]t[/link]" in text


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"])
def test_a_file_holds_no_escapes_whatever_the_environment_asks_for(monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    text = render(verdicts.mixed())
    assert "\x1b" not in text
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_no_color_takes_the_colour_and_leaves_the_words(monkeypatch):
    coloured = shown(verdicts.mixed(), 80, color_system="standard")
    assert re.search(r"\x1b\[[\d;]*[34]\d", coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = shown(verdicts.mixed(), 80, color_system="standard")
    assert not re.search(r"\x1b\[[\d;]*[34]\d", plain)
    assert re.sub(r"\x1b\[[\d;]*m", "", plain) == re.sub(r"\x1b\[[\d;]*m", "", coloured)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("build", [verdicts.mixed, verdicts.unknown, verdicts.large])
def test_it_fits_its_width(build, width):
    lines = shown(build(), width).splitlines()
    assert [line for line in lines if len(line.rstrip()) > width and not LONE.search(line)] == []


def test_findings_of_one_rule_stand_together_with_their_cure_once():
    found = [verdicts.decision(verdicts.finding(path=f"s/{n}.py", line=n)) for n in (3, 4)]
    other = verdicts.decision(verdicts.finding(rule="B324", severity=Severity.CRITICAL, fix="Use SHA-256."))
    text = render(verdicts.verdict([found[0], other, found[1]]))
    assert text.index("B324") < text.index("B602")
    assert text.count("B602") == 1
    assert text.count("fix Pass a list of arguments") == text.count("see https://") - 1 == 1
    assert "(2 findings in 2 files)" in text
    for part in ("s/3.py:3", "s/4.py:4", "   4 ▶     subprocess.run(word, shell=True)", "   3 │ def preview"):
        assert part in text


def test_each_state_is_said():
    text = render(verdicts.mixed(notes=("the waiver for B324 runs out on 2026-06-30",)))
    for part in (
        "1 finding below the threshold (1 low)",
        "1 finding waived",
        "waived by platform@example.com until 2026-06-30: checksum of a public file",
        "1 finding suppressed inline",
        "nosec, accepted by the policy: build scripts",
        "1 finding in the baseline",
        "1 finding in the base revision already",
        "note nosec stands there, and the policy does not accept it",
        "note the waiver for B324 runs out on 2026-06-30",
        "docs/pt-BR/contrato.pdf (page 3)",
        "policy security/policy.yaml, from a file that was named",
    ):
        assert part in text


def test_unknown_comes_first_and_the_answer_last():
    text = render(verdicts.unknown(recorded=Recorded(index=7, origin="guarita/1")))
    assert text.startswith(" UNKNOWN  manifests\n")
    for part in (
        "reading chart 7 of 9",
        "→ raise `scan.timeout`",
        "helm is not installed",
        "entry 7 of guarita/1",
    ):
        assert part in text
    answer = text[text.rindex(" UNKNOWN") :]
    assert "2 files could not be judged and 1 scanner did not finish" in answer
    assert "→ Mend what could not be judged" in answer


def test_a_passing_answer_is_short():
    text = render(verdicts.verdict())
    assert " PASSED\n no finding of medium severity or worse; all of 1 file accounted for.\n" in text
    assert len(text.splitlines()) < 12


def test_of_many_findings_the_worst_are_shown_and_the_rest_counted():
    verdict = verdicts.large()
    text = render(verdict)
    assert len(re.findall(r" ▶ ", text)) == 50
    assert len(text.splitlines()) < 900
    rules = {decision.finding.rule for decision in verdict.failing}
    assert all(re.search(rf"^ \w+ +{rule} ", text, re.MULTILINE) for rule in rules)


def test_the_eleventh_of_a_rule_beyond_those_with_code_is_counted():
    found = [verdicts.decision(verdicts.finding(line=n)) for n in range(10, 30)]
    text = render(verdicts.verdict(found))
    assert text.count("▶") == 5
    assert len(re.findall(r"main\.py:\d+", text)) == 15
    assert "… and 5 more" in text


def test_a_line_of_code_is_cut_at_the_width_and_the_place_never_is():
    path = "d/" * 60 + "x.py"
    finding = verdicts.finding(path=path, snippet=((112, "x = " + "1" * 500),))
    text = shown(verdicts.verdict([verdicts.decision(finding)]), 80)
    assert f"{path}:112" in text
    (code,) = [line for line in text.splitlines() if "▶" in line]
    assert len(code) == 80
    assert code.endswith("…")


def test_a_log_is_as_wide_as_a_file():
    assert shown(verdicts.mixed(), 40, force_terminal=False) == shown(verdicts.mixed(), 100)


@pytest.mark.parametrize(
    ("origin", "source", "words"),
    [
        (PolicyOrigin.FILE, "p.yaml", "policy p.yaml, from a file that was named"),
        (PolicyOrigin.TREE, "guarita.yaml", "policy guarita.yaml, from the scanned tree itself"),
        (PolicyOrigin.BASE, "main:guarita.yaml", "policy main:guarita.yaml, from the base revision"),
        (PolicyOrigin.BASE, "built-in", "policy built in: no policy was found in the base revision"),
        (PolicyOrigin.DEFAULT, "built-in", "policy built in: no policy was found"),
        (PolicyOrigin.FILE, "built-in", "policy built-in, from a file that was named"),
    ],
)
def test_the_policy_and_its_origin_are_said(origin, source, words):
    text = render(verdicts.verdict(policy_origin=origin, policy_source=source))
    assert f" {words}\n" in text
