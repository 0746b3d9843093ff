"""The reference platform: the good tree passes, the faulty one fails for what was planted and nothing else."""

import json
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

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

    return {tree: run(tree) for tree in ("good", "faulty")}


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
