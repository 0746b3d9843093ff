"""`guarita policy what-if`: stored verdicts on another day and by another policy, without a scan."""

import datetime as dt
import json
import re
from pathlib import Path

import pytest

from guarita.scan.whatif.answer import OWN_RULES

ROOT = Path(__file__).parents[2]
SHELL = "import subprocess\ndef run(word):\n    subprocess.call(word, shell=True)\n"
TODAY = dt.datetime.now(dt.UTC).date()


def on(days):
    return (TODAY + dt.timedelta(days=days)).isoformat()


POLICY = f"""scan:
  scanners: [code]
  max_waiver_days: 60
  exclude: [{{name: old, paths: [old/], reason: goes away}}]
  waivers:
  - {{rule: B602, paths: [a.py], owner: a-team, reason: known, expires: {on(10)}}}
  - {{rule: B602, paths: [a.py], owner: b-team, reason: follows, expires: {on(65)}}}
  - {{rule: B602, paths: [b.py], owner: c-team, reason: known, expires: {on(20)}}}
"""
FILES = {"guarita.yaml": POLICY, "a.py": SHELL, "b.py": SHELL.replace("run", "go"), "old/c.py": SHELL}


@pytest.fixture
def report(repository, at, tmp_path):
    repository.commit(FILES)
    file = tmp_path / "report.json"
    status, said = at("scan", "--scanner", "code", "--no-cache", "--output", f"json={file}")
    assert status == 0, said
    return str(file)


def what_if(at, *words):
    status, said = at("policy", "what-if", "--json", *words)
    return status, json.loads(said.splitlines()[0])


@pytest.mark.parametrize("stored", ["report", "ledger"])
def test_waivers_run_out_by_a_day_and_builds_go_red(at, report, stored):
    given = (report,) if stored == "report" else ()
    assert at("policy", "what-if", *given)[0] == 0
    status, said = what_if(at, *given, "--in", "15d")
    assert status == 0, "the second waiver comes into force before the first one ends"
    assert [(w["owner"], w["expires"]) for w in said["waivers"]] == [("a-team", on(10))]
    assert said["verdicts"][0]["changes"] == []
    status, said = what_if(at, *given, "--at", on(21))
    assert status == 1
    assert [w["owner"] for w in said["waivers"]] == ["a-team", "c-team"]
    (verdict,) = said["verdicts"]
    assert (verdict["then"], verdict["now"]) == ("passed", "failed")
    (change,) = verdict["changes"]
    assert (change["rule"], change["then"], change["now"]) == ("B602", "waived", "failing")
    assert change["place"] == ("b.py:3" if stored == "report" else "")
    shown = at("policy", "what-if", *given, "--at", on(21))[1]
    assert f"the waiver for B602 (c-team) has run out on {on(20)}" in shown
    assert "then FAILED" in shown


def test_the_owners_are_found_though_the_policy_has_gone_on(repository, at, report):
    repository.commit({"guarita.yaml": "scan: {}\n"})
    assert [w["owner"] for w in what_if(at, "--in", "30d")[1]["waivers"]] == ["a-team", "c-team"]
    assert what_if(at, report, "--in", "30d")[0] == 1


def test_another_policy_is_judged_from_a_report(at, report, tmp_path):
    other = tmp_path / "other.yaml"

    def by(text):
        other.write_text(text)
        status, said = what_if(at, report, "--policy", str(other))
        return status, said["verdicts"][0]

    status, verdict = by(POLICY.replace("rule: B602", "rule: B999"))
    assert (status, verdict["now"]) == (1, "failed")
    assert {change["now"] for change in verdict["changes"]} == {"failing"}
    exclude = "exclude: [{name: all, paths: ['*.py'], reason: r}]"
    status, verdict = by(f"scan: {{scanners: [code], {exclude}}}\n")
    assert status == 0
    assert {change["now"] for change in verdict["changes"]} == {"left out"}
    status, verdict = by("scan: {scanners: [code], fail_on: critical}\n")
    assert status == 3
    assert verdict["unknown"] == ["left out then and not now: 1 file"]
    status, verdict = by(POLICY.replace("[code]", "[code, platform]"))
    assert "the scanner platform did not run then" in verdict["unknown"]


def test_another_policy_cannot_be_judged_from_the_ledger(at, report, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("scan: {fail_on: low}\n")
    status, said = what_if(at, "--policy", str(other))
    assert status == 3
    assert "judge a JSON report" in said["verdicts"][0]["unknown"][0]


def test_a_baseline_stands_behind_a_waiver(repository, at, tmp_path):
    repository.commit({"a.py": SHELL})
    known, file = tmp_path / "known.json", tmp_path / "r.json"
    scan = ("scan", "--scanner", "code", "--no-cache")
    at(*scan, "--write-baseline", str(known), "--ledger", "none")
    repository.commit(
        {"guarita.yaml": f"scan: {{waivers: [{{rule: B602, owner: o, reason: r, expires: {on(3)}}}]}}\n"}
    )
    assert at(*scan, "--baseline", str(known), "--output", f"json={file}")[0] == 0
    for given in ((str(file),), ()):
        status, said = what_if(at, *given, "--in", "9d")
        assert status == 0
        assert [change["now"] for change in said["verdicts"][0]["changes"]] == ["baseline"]


def test_what_was_unknown_stays_unknown(repository, at, tmp_path):
    file = tmp_path / "r.json"
    repository.commit({"a.py": "def (\n"})
    assert at("scan", "--scanner", "code", "--no-cache", "--output", f"json={file}")[0] == 3
    for given in ((str(file),), ()):
        status, said = what_if(at, *given, "--in", "1d")
        assert (status, said["verdicts"][0]["now"]) == (3, "unknown")


def test_wrong_calls_are_said(repository, at, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text('{"schema": "guarita.report/9"}')
    repository.commit({"a.py": ""})
    assert "no JSON report of the gate" in at("policy", "what-if", str(broken))[1]
    assert at("policy", "what-if", str(broken))[0] == 2
    assert at("policy", "what-if", "--in", "1d", "--at", on(1))[0] == 2
    assert at("policy", "what-if", "--in", "soon")[0] == 2
    at("scan", "--scanner", "code")
    assert at("policy", "what-if", "--index", "0")[0] == 2


def test_the_ledger_names_no_owner(repository, at, report):
    said = at("audit", "query", "--json", "--class", "2003")[1]
    assert '"until"' in said
    assert "-team" not in said


def test_the_gates_own_rules_are_all_known():
    sources = "".join(file.read_text() for file in (ROOT / "scanners/guarita/scan").rglob("*.py"))
    used = set(re.findall(r'rule="([a-z-]+)"', sources))
    row = next(
        line for line in (ROOT / "docs/gate.md").read_text().splitlines() if line.startswith("| `excluded`")
    )
    assert used <= OWN_RULES
    assert {f"`{rule}`" in row for rule in OWN_RULES} == {True}


@pytest.mark.parametrize("day", range(0, 70, 5))
def test_the_day_until_which_waivers_hold_is_what_the_judge_says_on_each_day(at, report, day):
    """The one door answers as the other: `until` is made when the verdict is, a report is judged anew."""
    by_report = what_if(at, report, "--in", f"{day}d")[1]["verdicts"][0]["now"]
    assert what_if(at, "--in", f"{day}d")[1]["verdicts"][0]["now"] == by_report
