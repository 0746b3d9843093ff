"""SARIF as code scanning reads it: identity, severity, what is hidden, and what is unknown."""

import json

SHELL = "import subprocess\n\n\ndef run(word):\n    subprocess.call(word, shell=True)  # nosec\n"


def sarif(repository, tmp_path, *words):
    target = tmp_path / "r.sarif"
    scan = repository.scan("--output", f"sarif={target}", *words)
    (run,) = json.loads(target.read_text())["runs"]
    return scan, run


def test_a_result_has_rule_place_fingerprint_and_severity(repository, tmp_path):
    repository.commit({"sp ace.py": SHELL})
    scan, run = sarif(repository, tmp_path)
    (result,) = [r for r in run["results"] if r["ruleId"] == "B602"]
    (finding,) = [f for f in scan.findings() if f["rule"] == "B602"]
    assert result["partialFingerprints"] == {"guaritaFingerprint/v1": finding["fingerprint"]}
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "sp%20ace.py"
    assert place["region"]["startLine"] == 5
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert (rule["id"], rule["properties"]["security-severity"]) == ("B602", "8.0")
    assert [s["status"] for s in result["suppressions"]] == ["rejected"]


def test_an_unknown_answer_is_no_successful_execution(repository, tmp_path):
    repository.commit({"bad\n.py": "def f(:\n"})
    scan, run = sarif(repository, tmp_path)
    assert scan.status == 3
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (note,) = invocation["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("bad\\x0a.py: unparseable")


def test_a_passing_answer_has_no_results(repository, tmp_path):
    repository.commit({"a.py": "x = 1\n"})
    scan, run = sarif(repository, tmp_path)
    assert (scan.status, run["results"]) == (0, [])
    assert run["invocations"][0]["executionSuccessful"] is True


def test_a_wrong_output_is_refused_before_the_scan(repository):
    repository.commit({"a.py": "x = 1\n"})
    assert repository.scan("--output", "sraif").status == 2
    assert repository.scan("--output", "sarif=nowhere/r.sarif").status == 2
