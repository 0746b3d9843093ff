"""The severity table: its data is true to the tools and its sources, and a lookup answers as documented."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.errors import GuaritaError
from guarita.policy.gate.finding import Severity
from guarita.policy.severity import Basis, Citation, Row, load_table, read_table
from guarita.policy.severity.page import render

ROOT = Path(__file__).parents[2]
RULES = ROOT / "tests/data/severity/rules.tsv"
TABLE = load_table()
WORDS = re.compile(r"\b(critical|high|medium|low|info)\b", re.IGNORECASE)
ORDER = ("pss", "security-hub-now", "security-hub", "prisma", "codeql-actions", "ingress-cve", "trivy")
"""Which text is taken first where several give a level, as docs/severity.md says."""


BANDS = ((Severity.CRITICAL, 9.0), (Severity.HIGH, 7.0), (Severity.MEDIUM, 4.0), (Severity.LOW, 0.0))
"""How GitHub shows the numbers of CodeQL."""


def rules() -> list[dict[str, str]]:
    with RULES.open(encoding="utf-8", newline="") as file:
        next(file)
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


KNOWN = {rule["rule"]: rule for rule in rules()}


def level(citation: Citation) -> Severity | None:
    """The level that a text gives; for the Pod Security Standards by the rule in docs/severity.md."""
    if citation.source.key == "pss":
        return Severity.HIGH if citation.says.startswith("Baseline") else Severity.MEDIUM
    if found := WORDS.search(citation.says):
        return Severity(found.group().lower())
    if number := re.search(r"\b\d+\.\d$", citation.says):
        return next(name for name, least in BANDS if float(number.group()) >= least)
    return None


def rank(citation: Citation) -> int:
    """The place of a text in the order; `prisma` and `trivy` stand for several."""
    return next(i for i, key in enumerate(ORDER) if f"{citation.source.key}-".startswith(f"{key}-"))


def names(rows: Iterable[Row]) -> list[str]:
    return [row.pattern for row in rows]


SINGLE = [row for row in TABLE.rows if not row.is_family]
FAMILIES = [row for row in TABLE.rows if row.is_family]
PUBLISHED = [row for row in TABLE.rows if row.basis is Basis.PUBLISHED]


class TestData:
    def test_lists_every_tool(self):
        tools = Counter(rule["tool"] for rule in KNOWN.values())
        assert tools["checkov"] > 1300
        assert tools["kingfisher"] > 450
        assert tools["bandit"] > 70
        assert tools["zizmor"] > 35

    def test_every_single_rule_exists(self):
        assert [
            name for name in names(SINGLE) if name not in KNOWN and not name.startswith(("PII_", "GUARITA_"))
        ] == []

    def test_every_family_has_members(self):
        empty = [name for name in names(FAMILIES) if not any(fnmatchcase(rule, name) for rule in KNOWN)]
        # What other packages' licences and our own recognizers are called stands in no list of a tool.
        assert [name for name in empty if not name.startswith("licence.")] == ["PII_*"]

    def test_every_rule_falls_under_a_row(self):
        assert [rule for rule in KNOWN if TABLE.row(rule) is None] == []

    @pytest.mark.parametrize("framework", ["Kubernetes", "dockerfile", "github_actions"])
    def test_every_check_of_these_frameworks_has_its_own_row(self, framework):
        checks = [rule["rule"] for rule in KNOWN.values() if framework in rule["frameworks"].split(",")]
        assert checks
        assert [check for check in checks if TABLE.row(check).is_family] == []

    def test_the_aws_checks_that_weigh_most_have_their_own_rows(self):
        assert len([name for name in names(SINGLE) if re.fullmatch(r"CKV2?_AWS_\d+", name)]) >= 80

    def test_every_bandit_test_has_a_fix_of_its_own(self):
        tests = [rule["rule"] for rule in KNOWN.values() if rule["tool"] == "bandit"]
        assert [test for test in tests if TABLE.row(test).is_family] == []

    def test_words_fit_into_a_report(self):
        assert (
            names(row for row in TABLE.rows if not 3 <= len(row.title) <= 80 or row.title[-1] in ".!?") == []
        )
        assert names(row for row in TABLE.rows if len(row.fix) > 260 or not row.fix.endswith(".")) == []
        assert names(row for row in TABLE.rows if row.why and not row.why.endswith(".")) == []

    def test_a_published_level_is_what_its_first_text_says(self):
        assert len(PUBLISHED) > 300
        assert names(row for row in PUBLISHED if level(row.citations[0]) != row.severity) == []

    def test_a_departure_from_the_order_of_texts_says_why(self):
        def departs(row: Row) -> bool:
            first = row.citations[0]
            return any(rank(other) < rank(first) and level(other) != level(first) for other in row.citations)

        assert names(row for row in PUBLISHED if departs(row) and not row.why) == []

    def test_less_confidence_never_weighs_more(self):
        def levels(row: Row) -> list[Severity]:
            return [row.by_confidence.get(word, row.severity) for word in ("low", "medium", "high")]

        ours = [row for row in TABLE.rows if row.severity is not None]
        assert names(row for row in ours if levels(row) != sorted(levels(row))) == []

    def test_private_keys_and_cloud_credentials_are_critical(self):
        for rule in (
            "betterleaks.private-key",
            "betterleaks.aws-access-token",
            "betterleaks.gcp-service-account",
        ):
            assert TABLE.lookup(rule, confidence="high").severity is Severity.CRITICAL

    def test_the_page_shows_the_table(self):
        page = (ROOT / "docs/severity.md").read_text(encoding="utf-8")
        assert page == render(TABLE), "run: python -m guarita.policy.severity.page docs/severity.md"


ROW = {"severity": "low", "title": "T", "fix": "F.", "basis": "judgement", "why": "W."}


def write(folder: Path, *rows: dict, name: str = "a.yaml") -> None:
    lines = ["rows:"]
    for row in rows:
        fields = [f"{key}: {value}" for key, value in row.items()]
        lines += [f"  - {fields[0]}", *(f"    {field}" for field in fields[1:])]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


class TestLookup:
    def test_the_rule_comes_before_its_family(self, tmp_path):
        write(tmp_path, {"family": "X_*", **ROW}, {"rule": "X_1", **ROW, "severity": "high"})
        table = read_table(tmp_path)
        assert table.lookup("X_1").severity is Severity.HIGH
        assert table.lookup("X_2").severity is Severity.LOW
        assert table.lookup("X_2").pattern == "X_*"

    def test_the_longest_glob_wins_in_any_order(self, tmp_path):
        write(tmp_path, {"family": "a.*", **ROW}, {"family": "a.b-*", **ROW, "severity": "critical"})
        write(tmp_path, {"family": "a.b*", **ROW, "severity": "info"}, name="0.yaml")
        assert read_table(tmp_path).lookup("a.b-c").severity is Severity.CRITICAL

    def test_a_family_matches_the_whole_name_and_its_case(self, tmp_path):
        write(tmp_path, {"family": "X_?", **ROW})
        table = read_table(tmp_path)
        assert table.lookup("X_1").pattern == "X_?"
        for other in ("X_12", "x_1", "AX_1", "X_1\n"):
            assert table.lookup(other).pattern == ""

    def test_confidence_lowers_the_level_where_the_row_says_so(self, tmp_path):
        write(tmp_path, {"rule": "X", **ROW, "severity": "high", "confidence": "{low: info}"})
        table = read_table(tmp_path)
        assert table.lookup("X", confidence="LOW").severity is Severity.INFO
        assert table.lookup("X", confidence="medium").severity is Severity.HIGH
        assert table.lookup("X", confidence="nonsense").severity is Severity.HIGH
        assert table.lookup("X").severity is Severity.HIGH

    @pytest.mark.parametrize(("word", "expected"), [("HIGH", "high"), ("Low", "low"), ("moderate", "medium")])
    def test_the_tools_own_severity(self, word, expected):
        rating = TABLE.lookup("B602", tool_severity=word)
        assert rating.severity.value == expected
        assert rating.basis.startswith("tool")
        assert "list of arguments" in rating.fix

    @pytest.mark.parametrize("word", [None, "", "UNDEFINED", "sev1"])
    def test_a_tool_that_says_nothing_is_not_trusted(self, word):
        rating = TABLE.lookup("B602", tool_severity=word)
        assert rating.severity is Severity.MEDIUM
        assert rating.basis.startswith("judgement")

    def test_a_level_of_ours_does_not_follow_the_tool(self):
        assert TABLE.lookup("CKV_K8S_16", tool_severity="low").severity is Severity.HIGH

    def test_a_rating_says_everything_that_a_finding_shows(self):
        rating = TABLE.lookup("CKV_K8S_16")
        assert rating.cwe == ("CWE-250",)
        assert "privileged" in rating.fix
        assert "Pod Security Standards" in rating.basis
        assert rating.source[0].source.url.startswith("https://kubernetes.io/")

    @given(rule=st.text(), told=st.none() | st.text(), confidence=st.none() | st.text())
    def test_any_rule_gets_an_answer_and_an_unknown_one_at_least_medium(self, rule, told, confidence):
        rating = TABLE.lookup(rule, tool_severity=told, confidence=confidence)
        assert rating.basis
        assert rating.pattern or rating.severity >= Severity.MEDIUM

    def test_an_unknown_rule_is_as_bad_as_its_tool_says(self):
        assert TABLE.lookup("new.rule", tool_severity="critical").severity is Severity.CRITICAL
        assert TABLE.lookup("new.rule", tool_severity="info").severity is Severity.MEDIUM


class TestMistakes:
    @pytest.mark.parametrize(
        ("change", "line", "word"),
        [
            ({"severity": "hihg"}, 3, "expected one of info, low"),
            ({"severity": "tool"}, 2, "go together"),
            ({"basis": "tool"}, 2, "go together"),
            ({"basis": "published"}, 2, "names its source"),
            ({"basis": "guess"}, 6, "expected one of published"),
            ({"why": None}, 2, "says why"),
            ({"why": '" "'}, 7, "expected a text"),
            ({"title": None}, 2, "missing: title"),
            ({"titel": "T"}, 8, "unknown field"),
            ({"family": "X_*"}, 2, "either `rule` or `family`"),
            ({"rule": "X_*"}, 2, "wildcards"),
            ({"confidence": "{sure: low}"}, 8, "expected one of high"),
            ({"confidence": "{low: loww}"}, 8, "expected one of info"),
            ({"confidence": "low"}, 8, "expected a mapping"),
            ({"source": "{nowhere: HIGH}"}, 8, "not in sources.yaml"),
            ({"cwe": "CWE-250"}, 8, "expected a list"),
            ({"cwe": "[250]"}, 8, "expected a list"),
        ],
    )
    def test_are_named_with_file_and_line(self, tmp_path, change, line, word):
        row = {"rule": "X", **ROW} | change
        write(tmp_path, {key: value for key, value in row.items() if value is not None})
        with pytest.raises(GuaritaError) as caught:
            read_table(tmp_path)
        assert caught.value.code.startswith("severity.")
        assert f"a.yaml:{line}:" in caught.value.message
        assert word in caught.value.message

    def test_two_rows_of_one_rule(self, tmp_path):
        write(tmp_path, {"rule": "X", **ROW})
        write(tmp_path, {"rule": "Y", **ROW}, {"rule": "X", **ROW}, name="b.yaml")
        with pytest.raises(GuaritaError, match=r"b\.yaml:8: .*X has a row already"):
            read_table(tmp_path)

    @pytest.mark.parametrize("text", ["", "[]", "rows: {}", "row: []", "rows: [1]", "rows:\n - a\n-"])
    def test_a_file_of_another_form(self, tmp_path, text):
        (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(GuaritaError, match=r"a\.yaml:\d"):
            read_table(tmp_path)

    def test_a_source_without_its_url(self, tmp_path):
        text = "sources:\n  k:\n    title: T\n    publisher: P\n    version: V\n"
        (tmp_path / "sources.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(GuaritaError, match=r"sources\.yaml:2: .*missing: url"):
            read_table(tmp_path)
