"""The reference platform: the good tree passes, the faulty one is reported fault by fault."""

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

PLATFORM = Path(__file__).parents[2] / "examples" / "platform"
GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
SCANNERS = ("code", "secrets", "documents")
FAULTS = [
    fault
    for fault in yaml.safe_load((PLATFORM / "faults.yaml").read_text())["faults"]
    if fault["scanner"] in SCANNERS
]


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")

    def run(tree):
        chosen = [word for name in SCANNERS for word in ("--scanner", name)]
        report = folder / f"{tree}.json"
        done = subprocess.run(
            [GUARITA, "scan", PLATFORM / tree, *chosen, "--output", f"json={report}"],
            check=False,
            timeout=240,
        )
        return done.returncode, json.loads(report.read_text())

    return {tree: run(tree) for tree in ("good", "faulty")}


def test_the_good_tree_passes(gate):
    status, report = gate["good"]
    assert (status, report["result"]) == (0, "passed")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["id"])
def test_a_planted_fault_is_reported_where_it_stands(gate, fault):
    _, report = gate["faulty"]
    reported = {(d["finding"]["location"]["path"], d["finding"]["rule"]) for d in report["decisions"]}
    assert (fault["path"], fault["rule"]) in reported


def test_nothing_fails_but_what_was_planted(gate):
    status, report = gate["faulty"]
    planted = {(fault["path"], rule) for fault in FAULTS for rule in (fault["rule"], *fault.get("also", ()))}
    failing = {
        (d["finding"]["location"]["path"], d["finding"]["rule"])
        for d in report["decisions"]
        if d["state"] == "failing"
    }
    assert status == 1
    assert failing <= planted
