"""The table from check to control: every row names a check that exists and a text, and coverage never says too much."""

from __future__ import annotations

import csv
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.errors import GuaritaError
from guarita.policy.frameworks import NAMES, Status, covered, load_framework, load_reach
from guarita.policy.frameworks.load import parse_framework, parse_reach
from guarita.policy.frameworks.page import render
from guarita.policy.gate.finding import Finding, Location, Severity, with_fingerprints
from guarita.policy.gate.verdict import State
from guarita.policy.severity import load_table
from guarita.scan.scanners.dependencies.scanner import PREFERRED
from guarita.scan.scanners.known import SCANNERS

ROOT = Path(__file__).parents[2]
FRAMEWORKS = {name: load_framework(name) for name in NAMES}
REACH = load_reach()
MAPPED = sorted(
    {check for one in FRAMEWORKS.values() for control in one.controls for check in control.checks}
)


def rules() -> set[str]:
    with (ROOT / "tests/data/severity/rules.tsv").open(encoding="utf-8", newline="") as file:
        next(file)
        listed = {row["rule"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    ours = {
        row.pattern for row in load_table().rows if row.pattern.startswith(("PII_", "GUARITA_", "guarita."))
    }
    return listed | ours | {f"{beginning}1" for beginning in PREFERRED}


KNOWN = rules()


class TestData:
    def test_every_mapped_check_exists(self):
        assert len(MAPPED) > 180
        assert [check for check in MAPPED if not any(fnmatchcase(rule, check) for rule in KNOWN)] == []

    def test_every_mapped_check_says_what_it_applies_to(self):
        assert [check for check in MAPPED if not REACH.of(check)] == ["GUARITA_GATE_*"]

    def test_what_checks_apply_to_is_told_for_checks_that_exist_and_by_scanners_that_do(self):
        assert [row.rule for row in REACH.checks if not any(fnmatchcase(r, row.rule) for r in KNOWN)] == []
        assert {thing.scanner for thing in REACH.things.values()} <= SCANNERS.keys()
        assert {name for row in REACH.checks for name in row.things} == REACH.things.keys()

    @pytest.mark.parametrize("name", NAMES)
    def test_a_framework_names_its_texts_and_says_what_it_leaves_out(self, name):
        one = FRAMEWORKS[name]
        assert one.name == name
        assert one.whole != bool(one.left_out)
        assert all(source.url.startswith("https://") for source in one.sources.values())
        assert any(control.checks for control in one.controls)
        assert any(not control.checks for control in one.controls)

    def test_the_whole_ones_are_whole(self):
        assert len(FRAMEWORKS["cis-kubernetes"].controls) == 131
        annex = [control.id for control in FRAMEWORKS["iso-27001"].controls]
        counts = {"5": 37, "6": 8, "7": 14, "8": 34}
        assert annex == [f"A.{theme}.{n}" for theme, count in counts.items() for n in range(1, count + 1)]

    def test_the_page_shows_the_table(self):
        page = (ROOT / "docs/frameworks.md").read_text(encoding="utf-8")
        assert page == render(), "run: python -m guarita.policy.frameworks.page docs/frameworks.md"


SAMPLES = ("workloads", "python", "text", "documents", "aws-s3")


def found(*rules_: str) -> list[tuple[Finding, str]]:
    one = [
        Finding(
            scanner="s",
            rule=rule,
            title="t",
            severity=Severity.LOW,
            location=Location(path="a"),
            anchor=str(at),
        )
        for at, rule in enumerate(rules_)
    ]
    return [(finding, State.FAILING.value) for finding in with_fingerprints(one)]


class TestCoverage:
    @given(
        name=st.sampled_from(NAMES),
        things=st.dictionaries(st.sampled_from(SAMPLES), st.integers(0, 9)),
        rules_=st.lists(st.sampled_from(sorted(KNOWN))),
        unseen=st.sampled_from(["", "1 files could not be judged"]),
    )
    def test_nothing_passes_that_did_not_run_or_has_a_fault(self, name, things, rules_, unseen):
        coverage = covered(FRAMEWORKS[name], REACH, things=things, findings=found(*rules_), unseen=unseen)
        assert sum(coverage.counts().values()) == len(FRAMEWORKS[name].controls)
        for control, one in zip(FRAMEWORKS[name].controls, coverage.controls, strict=True):
            hit = any(fnmatchcase(rule, check) for rule in rules_ for check in control.checks)
            assert (one.status is Status.FAILED) == hit == bool(one.standing)
            if one.status is Status.PASSED:
                assert not unseen
                assert any(things.get(thing) for check in control.checks for thing in REACH.of(check))
            if not control.checks:
                assert one.status is Status.NOT_CHECKED

    def test_what_the_gate_excuses_is_a_fault_all_the_same(self):
        ((finding, _),) = found("CKV_K8S_16")
        for state, excused in ((State.WAIVED, True), (State.BELOW, True), (State.FAILING, False)):
            coverage = covered(
                FRAMEWORKS["cis-kubernetes"],
                REACH,
                things={"workloads": 2},
                findings=[(finding, state.value)],
            )
            (control,) = [one for one in coverage.controls if one.id == "5.2.2"]
            assert (control.status, control.excused) == (Status.FAILED, excused)
            assert control.reason == f"1 {state.value}"

    def test_a_fault_that_was_merged_into_another_counts_for_its_own_rule(self):
        ((finding, state),) = found("betterleaks.aws-access-token")
        merged = Finding(
            **{f: getattr(finding, f) for f in finding.__struct_fields__} | {"also": ("code:B105",)}
        )
        coverage = covered(FRAMEWORKS["pci-dss"], REACH, things={}, findings=[(merged, state)])
        assert [one.id for one in coverage.controls if one.status is Status.FAILED] == ["8.6.2"]

    @pytest.mark.parametrize(
        ("text", "things"),
        [
            ("kind: Deployment\n", {"workloads"}),
            ("  kind: 'Pod'  \n", {"workloads"}),
            ('{\n "kind": "Pod",\n "spec": {}}', {"workloads"}),
            ("kind: ConfigMap\ndata: {x: Pod}\n", set()),
            ("kind: Role\n", {"roles"}),
            ("kind: Pod\nspec:\n  command:\n  - kube-apiserver\n", {"workloads", "kube-apiserver"}),
        ],
    )
    def test_things_are_told_by_what_a_file_holds(self, text, things):
        assert set(REACH.found("a.yaml", ("manifests",), text)) == things
        assert set(REACH.found("a.yaml", ("secrets",), text)) == {"text"}


HEAD = "name: x\ntitle: X\nedition: '1'\npublisher: P\nwhole: true\nsources: {s: {title: T, version: V, url: U}}\ncontrols:\n"


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "line", "word"),
        [
            ("- {id: a, title: t, source: s}\n- {id: a, title: t, source: s}\n", 9, "stands twice"),
            ("- {id: a, title: t, source: nowhere}\n", 8, "not among the sources"),
            ("- {id: a, title: t, source: s, judged: {B1: w}, published: {B1: w}}\n", 8, "mapped twice"),
            ("- {id: a, title: t, source: s, judged: {B1: ''}}\n", 8, "length"),
            ("- {id: a, title: t, sauce: s}\n", 8, "did you mean 'source'"),
        ],
    )
    def test_are_named_with_file_and_line(self, text, line, word):
        with pytest.raises(GuaritaError) as caught:
            parse_framework((HEAD + text).encode(), "x.yaml")
        assert f"x.yaml:{line}:" in caught.value.message
        assert word in f"{caught.value.message} {caught.value.hint}"

    @pytest.mark.parametrize(
        ("thing", "check", "word"),
        [
            ("{scanner: s, words: w}", "[b]", "no thing is called b"),
            ("{scanner: s, words: w, path: '['}", "[a]", "[:"),
        ],
    )
    def test_of_what_checks_apply_to_are_named_too(self, thing, check, word):
        text = f"things:\n  a: {thing}\nchecks:\n- {{rule: r, things: {check}}}\n"
        with pytest.raises(GuaritaError, match=r"r\.yaml:\d") as caught:
            parse_reach(text.encode(), "r.yaml")
        assert word in caught.value.message

    def test_an_unknown_framework_is_named_with_those_that_are_known(self):
        with pytest.raises(GuaritaError) as caught:
            load_framework("lgdp")
        assert "lgpd" in caught.value.hint
