"""`guarita scan replay`: an old verdict comes out the same, or it is said exactly what does not."""

import datetime as dt
import json
import sqlite3

import pytest

from guarita import config
from guarita.audit import open_ledger
from guarita.audit.stores.interface import Draft
from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import PolicyOrigin, Result
from guarita.scan.gate import Policy, Request, judge
from guarita.scan.record import recorded
from guarita.scan.tree import Folder

SHELL = "import subprocess\ndef run(word):\n    subprocess.call(word, shell=True)\n"
QUIET = "import math\n"
WAIVER = "{rule: B602, owner: a-team, reason: known, expires: %s}"
SOON = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=20)).isoformat()


def replay(at, index=1, *words):
    return at("scan", "replay", str(index), *words)


def scan(at, *words, status=0):
    found, said = at("scan", "--scanner", "code", "--no-cache", *words)
    assert found == status, said


def test_a_verdict_comes_out_the_same_though_the_tree_has_gone_on(repository, at):
    repository.commit({"guarita.yaml": f"scan: {{waivers: [{WAIVER % SOON}]}}\n", "a.py": SHELL})
    scan(at)
    scan(at, "--fail-on", "critical", "--ledger", "other.db")
    repository.commit({"guarita.yaml": "scan: {fail_on: low}\n", "a.py": QUIET, "b.py": SHELL})
    status, said = replay(at)
    assert status == 0, said
    assert "AGREES" in said
    assert "signed by a checkpoint of 2" in said
    answer = json.loads(replay(at, 1, "--json", "--ledger", "other.db")[1])
    assert (answer["answer"], answer["differences"], answer["tools"]) == ("agrees", [], [])
    assert at("audit", "query", "--json")[1].count('"index"') == 2, "a replay leaves no record"


def test_a_verdict_against_a_base_is_judged_by_the_bases_policy_again(repository, at):
    base = repository.commit({"guarita.yaml": "scan: {fail_on: high}\n", "a.py": QUIET})
    repository.commit({"guarita.yaml": "scan: {fail_on: critical}\n", "sub/b.py": SHELL})
    scan(at, "sub", "--diff", base, status=1)
    repository.commit({"sub/b.py": QUIET})
    assert replay(at, 1, "sub")[0] == 0
    status, said = replay(at)
    assert status == 3
    assert "name the folders that were scanned" in said
    unknown = repository.root.parent / "unrelated"
    unknown.mkdir()
    repository.__class__(unknown).commit({"a.py": QUIET})
    status, said = replay(at, 1, str(unknown))
    assert status == 3
    assert base in said


def test_what_was_dirty_is_needed_as_it_was(repository, at):
    repository.commit({"a.py": QUIET})
    repository.write({"b.py": SHELL})
    scan(at, status=1)
    assert replay(at)[0] == 0
    repository.write({"b.py": QUIET})
    status, said = replay(at)
    assert status == 3
    assert "with changes of its own" in said


def test_a_policy_and_a_baseline_from_a_file_are_asked_for_by_their_digests(repository, at, tmp_path):
    repository.commit({"a.py": SHELL})
    policy, baseline = tmp_path / "policy.yaml", tmp_path / "known.json"
    policy.write_text("scan: {fail_on: high}\n")
    scan(at, "--policy", str(policy), "--write-baseline", str(baseline), "--ledger", "none", status=1)
    scan(at, "--policy", str(policy), "--baseline", str(baseline))
    for words, code in (((), "policy"), (("--policy", str(policy)), "baseline")):
        status, said = replay(at, 1, *words)
        assert status == 3
        assert f"--{code} FILE" in said
    assert replay(at, 1, "--policy", str(policy), "--baseline", str(baseline))[0] == 0
    policy.write_text("scan: {fail_on: low}\n")
    assert replay(at, 1, "--policy", str(policy), "--baseline", str(baseline))[0] == 3


def test_waivers_are_judged_by_the_time_of_then(repository, at, tmp_path):
    long_ago = dt.datetime(2021, 3, 1, 12, tzinfo=dt.UTC)
    text = f"scan: {{waivers: [{WAIVER % '2021-03-31'}]}}\n"
    repository.commit({"guarita.yaml": text, "a.py": SHELL})
    section = config.parse(text.encode(), "guarita.yaml").scan
    old = str(tmp_path / "old.db")
    with open_ledger(old) as ledger:
        policy = Policy(section, PolicyOrigin.TREE, "guarita.yaml")
        asked = Request(tree=Folder(repository.root), policy=policy, scanners=["code"], moment=long_ago)
        assert recorded(judge(asked), ledger).result is Result.PASSED
    scan(at, status=1)
    status, said = replay(at, 1, "--ledger", old)
    assert status == 0, said
    assert "2021-03-01 12:00:00" in said


def forged(repository, name, change):
    """A second ledger, whose verdict says something else than what was found."""
    with open_ledger(str(repository.root / ".guarita/ledger.db"), read_only=True) as ledger:
        bodies = [leaf.body for leaf in ledger.entries()]
    documents = [json.loads(body) for body in bodies]
    for document in documents:
        change(document, document["unmapped"]["guarita"])
    with open_ledger(str(repository.root / ".guarita" / name)) as other:
        other.store.append(
            [Draft(json.dumps(document).encode(), document["metadata"]["uid"]) for document in documents]
        )
    return str(repository.root / ".guarita" / name)


def test_a_verdict_that_was_not_true_is_refused_with_what_differs(repository, at):
    repository.commit({"a.py": SHELL, "b.py": SHELL.replace("run", "go")})
    scan(at, status=1)

    def forget(document, ours):
        if document["class_uid"] == 2003:
            del document["compliance"]["checks"][0]
            ours["failing"] -= 1
            ours["digests"]["findings"] = "0" * 64

    status, said = replay(at, 1, "--ledger", forged(repository, "forged.db", forget))
    assert status == 1
    assert "DIFFERS" in said
    assert "in no signed checkpoint yet" in said
    assert f"digest findings: then {'0' * 64}, now " in said
    assert "finding B602" in said
    assert "at a.py:3: then not failing, now failing" in said
    assert "digest tree" not in said


def test_other_scanners_make_it_unknown(repository, at):
    repository.commit({"a.py": SHELL})
    scan(at, status=1)

    def older(_document, ours):
        if "scanners" in ours:
            ours["scanners"] = {"code": "bandit 0.0.1"}
        ours["digests"]["scanners"] = "1" * 64

    status, said = replay(at, 1, "--ledger", forged(repository, "older.db", older))
    assert status == 3
    assert "scanner code: then bandit 0.0.1, now bandit " in said

    def unheard(_document, ours):
        if "scanners" in ours:
            ours["scanners"] = {"dowsing": "rod 1"}

    status, said = replay(at, 1, "--ledger", forged(repository, "unheard.db", unheard))
    assert status == 3
    assert "no scanner called dowsing" in said


def test_an_entry_is_proved_before_it_is_believed(repository, at):
    repository.commit({"a.py": QUIET})
    scan(at)
    assert replay(at, 0)[0] == 2
    assert "is no verdict of the gate" in replay(at, 0)[1]
    assert replay(at, 99)[0] == 2
    with sqlite3.connect(repository.root / ".guarita/ledger.db") as ledger:
        ledger.execute("UPDATE body SET bytes = replace(bytes, 'Pass', 'Fail') WHERE idx = 1")
    assert replay(at)[0] == 1


def test_a_folder_called_replay_is_scanned_by_its_path(repository, at):
    repository.commit({"replay/a.py": SHELL})
    scan(at, "./replay", status=1)
    assert at("scan", "replay", "--help")[1].startswith("Usage: ")


@pytest.mark.parametrize("given", [Severity.LOW, None])
def test_a_threshold_of_the_caller_is_told_from_one_of_the_policy(repository, given):
    repository.commit({"a.py": QUIET})
    section = config.ScanSection(fail_on="low")
    policy = Policy(section, PolicyOrigin.FILE, "p")
    verdict = judge(Request(tree=Folder(repository.root), policy=policy, scanners=["code"], fail_on=given))
    assert (verdict.fail_on, verdict.fail_on_given) == (Severity.LOW, given is not None)
