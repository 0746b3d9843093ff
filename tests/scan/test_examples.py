"""The reference platform: the good tree passes, the faulty one fails for what was planted and nothing else."""

import json
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

from guarita.audit import open_ledger
from guarita.policy.frameworks import NAMES

PLATFORM = Path(__file__).parents[2] / "examples" / "platform"
GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
SCANNERS = ("code", "manifests", "infrastructure", "secrets", "documents", "platform")
LIST = yaml.safe_load((PLATFORM / "faults.yaml").read_text())
FAULTS = [fault for fault in LIST["faults"] if fault["scanner"] in SCANNERS]


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")

    def run(tree):
        chosen = [word for name in SCANNERS for word in ("--scanner", name)]
        chosen += [word for name in NAMES for word in ("--framework", name)]
        report = folder / f"{tree}.json"
        done = subprocess.run(
            [
                GUARITA,
                "scan",
                PLATFORM / tree,
                *chosen,
                "--ledger",
                folder / "l.db",
                "--output",
                f"json={report}",
            ],
            check=False,
            timeout=240,
        )
        return done.returncode, json.loads(report.read_text())

    return {**{tree: run(tree) for tree in ("good", "faulty")}, "ledger": folder / "l.db"}


def lines_of(fault):
    """The lines where the fault's text stands, from 1; none for a fault that is not in a text."""
    if "text" not in fault:
        return set()
    text = (PLATFORM / "faulty" / fault["path"]).read_text()
    return {number for number, line in enumerate(text.splitlines(), 1) if fault["text"] in line}


def reports(finding, fault):
    """Whether the finding is the fault, by the named scanner and rule, at the named place."""
    place, lines = finding["location"], lines_of(fault)
    return (
        (finding["scanner"], finding["rule"], place["path"])
        == (fault["scanner"], fault["rule"], fault["path"])
        and (not lines or any(place["line"] <= line <= place["end_line"] for line in lines))
        and fault.get("resource", finding["resource"]) == finding["resource"]
    )


def contents(tree):
    folder = PLATFORM / tree
    files = (file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_the_good_tree_passes_with_every_file_answered_for(gate):
    status, report = gate["good"]
    assert (status, report["result"], report["problems"]) == (0, "passed", [])
    assert {file["status"] for file in report["coverage"]["files"]} == {"scanned"}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["id"])
def test_a_planted_fault_is_reported_where_it_stands(gate, fault):
    _, report = gate["faulty"]
    found = [d for d in report["decisions"] if reports(d["finding"], fault)]
    assert found
    assert {d["state"] for d in found} <= {"failing", "below-threshold"}


def test_nothing_fails_but_what_was_planted(gate):
    status, report = gate["faulty"]
    planted = {(fault["path"], rule) for fault in FAULTS for rule in (fault["rule"], *fault.get("also", ()))}
    failing = {
        (d["finding"]["location"]["path"], d["finding"]["rule"])
        for d in report["decisions"]
        if d["state"] == "failing"
    }
    assert status == 1
    assert failing
    assert failing <= planted


def values_of(fault):
    """What looks like a value on the lines of a planted secret or datum."""
    lines = (PLATFORM / "faulty" / fault["path"]).read_text().splitlines()
    words = {word for line in lines_of(fault) for word in re.findall(r"[\w+/@.\-]{10,}", lines[line - 1])}
    return {word for word in words if "@" in word or any(map(str.isdigit, word))}


def test_the_report_holds_no_planted_secret_or_personal_datum(gate):
    _, report = gate["faulty"]
    text = json.dumps(report, ensure_ascii=False)
    hidden = [fault for fault in FAULTS if fault["scanner"] in {"secrets", "documents"} and "text" in fault]
    values = {value for fault in hidden for value in values_of(fault)}
    assert len(values) > len(hidden) / 2
    assert not [value for value in values if value in text]


def test_the_trees_differ_only_where_a_fault_is_planted():
    good, faulty = contents("good"), contents("faulty")
    changed = {path for path in good | faulty if good.get(path) != faulty.get(path)}
    listed = {fault["path"] for fault in LIST["faults"]}
    listed |= {fault["taken_from"] for fault in LIST["faults"] if "taken_from" in fault}
    assert changed == listed | set(LIST["hostile_configuration"])


def test_faults_cover_every_scanner_and_have_their_own_names():
    assert {fault["scanner"] for fault in LIST["faults"]} == {
        "code",
        "manifests",
        "infrastructure",
        "secrets",
        "documents",
        "platform",
    }
    assert len({fault["id"] for fault in LIST["faults"]}) == len(LIST["faults"]) >= 40


def by_status(report, name):
    (found,) = [one for one in report["frameworks"] if one["name"] == name]
    return {
        status: {control["id"] for control in found["controls"] if control["status"] == status}
        for status in ("passed", "failed", "not_checked")
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_good_tree_fails_no_control_and_says_what_it_rests_on(gate, name):
    (found,) = [one for one in gate["good"][1]["frameworks"] if one["name"] == name]
    assert found["counts"]["failed"] == 0
    assert found["counts"]["passed"] > 0
    passed = [control for control in found["controls"] if control["status"] == "passed"]
    assert all(
        re.fullmatch(r"(\d+ files? with .+)", ran["over"]) for control in passed for ran in control["ran"]
    )
    assert all(control["ran"] for control in passed)


FAILED = {
    "cis-kubernetes": {
        "5.1.2",
        "5.1.3",
        "5.1.6",
        "5.2.2",
        "5.2.3",
        "5.2.5",
        "5.2.6",
        "5.2.7",
        "5.3.2",
        "5.4.1",
    },
    "nsa-cisa": {"1.0", "1.2", "1.4", "1.5", "1.7", "1.11", "C-0012", "C-0030", "C-0046"},
    "lgpd": {"art. 6, VII", "art. 46", "art. 46, § 2º", "art. 49"},
    "gdpr": {"Art. 25", "Art. 32"},
    "pci-dss": {"3.5.1", "4.2.1", "6.2.4", "6.4.2", "7.2.1", "8.6.2"},
    "iso-27001": {"A.5.17", "A.5.34", "A.8.2", "A.8.12", "A.8.13", "A.8.20", "A.8.24", "A.8.28"},
    "soc-2": {"CC6.1", "CC6.6", "CC6.7", "A1.2", "C1.1"},
}


@pytest.mark.parametrize("name", NAMES)
def test_the_faulty_tree_fails_the_controls_that_its_faults_are_against(gate, name):
    found, good = by_status(gate["faulty"][1], name), by_status(gate["good"][1], name)
    assert FAILED[name] <= found["failed"]
    assert FAILED[name] <= good["passed"], "the same control passes where the fault is not"
    states = {
        one["state"] for f in gate["faulty"][1]["frameworks"] for c in f["controls"] for one in c["standing"]
    }
    assert "failing" in states


def test_the_ledger_counts_the_controls(gate):
    report = gate["faulty"][1]
    counted = {one["name"]: one["counts"] for one in report["frameworks"]}
    assert all(set(counts) == {"passed", "failed", "not_checked"} for counts in counted.values())
    with open_ledger(str(gate["ledger"]), read_only=True) as ledger:
        (found,) = [one.event for one in ledger.query() if one.index == report["recorded"]["index"]]
    assert found["unmapped"]["guarita"]["frameworks"] == counted
