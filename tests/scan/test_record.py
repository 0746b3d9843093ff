"""The verdict in the audit ledger, and what happens when it cannot be written there."""

import json
import os
import signal
import sqlite3
import subprocess

import pytest

CLEAN = "import math\n"
SHELL = "import subprocess\ndef run(word):\n    subprocess.call(word, shell=True)\n"


def audit(repository, *words, status=0):
    done = subprocess.run(
        [repository.command, "audit", *words], cwd=repository.root, capture_output=True, check=False
    )
    assert done.returncode == status, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().splitlines()] if "--json" in words else done


def scanning(repository, scratch, *words):
    """A scan that is under way: its scanner has its folder."""
    process = subprocess.Popen(
        [repository.command, "scan", ".", "--scanner", "code", *words],
        cwd=repository.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    while not list(scratch.glob("guarita-*/code")) and process.poll() is None:
        pass
    return process


def events(repository, *words):
    return [row["event"] for row in audit(repository, "query", "--json", *words)]


def test_a_verdict_and_its_scan_stand_in_the_ledger_with_their_digests(repository):
    commit = repository.commit({"a.py": SHELL})
    scan = repository.scan()
    activity, verdict = events(repository)
    assert (activity["class_uid"], verdict["class_uid"]) == (6007, 2003)
    ours = verdict["unmapped"]["guarita"]
    assert ours["digests"] == scan.report["digests"] == activity["unmapped"]["guarita"]["digests"]
    assert set(ours["digests"]) == {"tree", "policy", "waivers", "scanners", "findings"}
    assert verdict["compliance"]["status"] == "Fail"
    assert verdict["resources"][0]["version"] == commit
    assert [check["name"] for check in verdict["compliance"]["checks"]] == scan.rules("failing")
    assert scan.report["recorded"]["index"] == 1
    assert scan.report["recorded"]["origin"] in scan.text


def test_verify_holds_after_scans_and_names_the_leaf_after_an_edit(repository):
    repository.commit({"a.py": CLEAN})
    for _ in range(3):
        assert repository.scan().status == 0
    assert len(events(repository)) == 6
    audit(repository, "verify")
    with sqlite3.connect(repository.root / ".guarita/ledger.db") as ledger:
        ledger.execute("UPDATE body SET bytes = replace(bytes, 'Pass', 'Fail') WHERE idx = 3")
    assert b"leaf 3" in audit(repository, "verify", status=1).stderr


def test_the_ledger_is_no_part_of_the_tree(repository, tmp_path):
    repository.commit({"a.py": CLEAN})
    first, second = repository.scan(), repository.scan()
    assert first.report["digests"] == second.report["digests"]
    assert second.report["revision"] == repository.git("rev-parse", "HEAD")
    folder = tmp_path / "no-git"
    folder.mkdir()
    (folder / "a.py").write_text(CLEAN)
    inside = f"--ledger={folder / 'own.db'}"
    first, second = (repository.scan(str(folder), inside, scanners=("code", "secrets")) for _ in range(2))
    assert first.report["digests"]["tree"] == second.report["digests"]["tree"]
    assert second.file("own.db")["rule"] == "audit-ledger"


def test_a_subfolder_writes_to_the_projects_ledger(repository):
    repository.commit({"guarita.yaml": "scan: {fail_on: high}\n", "services/a.py": CLEAN})
    done = subprocess.run(
        [repository.command, "scan", ".", "--scanner", "code"], cwd=repository.root / "services", check=False
    )
    assert done.returncode == 0
    assert len(events(repository)) == 2
    assert not (repository.root / "services/.guarita").exists()


def test_the_tree_under_review_does_not_choose_the_ledger(repository, tmp_path):
    base = repository.commit({"a.py": CLEAN})
    repository.commit({"guarita.yaml": f"ledger: {{url: '{tmp_path}/elsewhere.db'}}\n"})
    assert repository.scan("--diff", base).status == 0
    assert not (tmp_path / "elsewhere.db").exists()
    assert len(events(repository, "--ledger", ".guarita/ledger.db")) == 2
    assert repository.scan().status == 0
    assert (tmp_path / "elsewhere.db").exists()


def test_a_ledger_named_in_the_policy_or_the_environment_is_used(repository, tmp_path):
    repository.commit({"a.py": CLEAN})
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"ledger: {{url: 'sqlite:///{tmp_path}/policy.db'}}\n")
    assert repository.scan("--policy", str(policy)).status == 0
    assert len(events(repository, "--ledger", str(tmp_path / "policy.db"))) == 2
    assert repository.scan(env={"GUARITA_LEDGER": str(tmp_path / "environment.db")}).status == 0
    assert len(events(repository, "--ledger", str(tmp_path / "environment.db"))) == 2


def test_no_record_is_a_declared_choice(repository):
    repository.commit({"a.py": CLEAN})
    scan = repository.scan("--ledger", "none")
    assert scan.status == 0
    assert scan.report["recorded"] is None
    assert "no record: --ledger none" in scan.text
    assert not (repository.root / ".guarita").exists()


@pytest.mark.parametrize(
    ("url", "status"),
    [("redis://localhost", 2), ("/proc/nowhere/ledger.db", 3), ("a.py", 1), ("sqlite://relative.db", 2)],
)
def test_a_ledger_that_cannot_be_is_refused_before_the_scan(repository, url, status):
    repository.commit({"a.py": CLEAN * 200})
    scan = repository.scan("--ledger", url)
    assert scan.status in {status, 2, 3}
    assert scan.status != 0
    assert "error: " in scan.text
    assert not scan.report


def test_a_verdict_that_cannot_be_written_down_is_unknown(repository, tmp_path):
    repository.commit({"a.py": CLEAN})
    assert repository.scan().status == 0
    repository.commit({f"b{number}.py": CLEAN * 2000 for number in range(40)})
    report = tmp_path / "late.json"
    process = scanning(repository, tmp_path, "--output", f"json={report}")
    (repository.root / ".guarita/ledger.db").unlink()
    assert process.wait(timeout=120) == 3
    late = json.loads(report.read_text())
    assert late["result"] == "unknown"
    assert late["recorded"] is None
    assert "the verdict is not in the ledger" in late["problems"][0]["message"]


def test_an_interrupt_leaves_a_sound_ledger_and_no_verdict(repository, tmp_path):
    repository.commit({"a.py": CLEAN})
    assert repository.scan().status == 0
    repository.commit({f"b{number}.py": SHELL * 2000 for number in range(40)})
    process = scanning(repository, tmp_path)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    audit(repository, "verify")
    assert len(events(repository)) == 2


def test_two_runs_at_once_both_stand_in_the_ledger(repository):
    repository.commit({"a.py": CLEAN})
    processes = [
        subprocess.Popen(
            [repository.command, "scan", ".", "--scanner", "code"],
            cwd=repository.root,
            stdout=subprocess.DEVNULL,
        )
        for _ in range(4)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0, 0]
    written = events(repository)
    assert sorted(event["class_uid"] for event in written) == [2003] * 4 + [6007] * 4
    uids = [event["metadata"]["correlation_uid"] for event in written]
    assert uids[::2] == uids[1::2], "a scan and its verdict stand side by side"
    audit(repository, "verify")


def test_the_policys_key_signs_the_verdict(repository, tmp_path):
    repository.commit({"a.py": CLEAN})
    made = audit(repository, "key", "generate", "example.com/gate").stdout
    key = tmp_path / "own.key"
    key.touch(mode=0o600)
    key.write_bytes(made)
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"ledger: {{url: '{tmp_path}/signed.db', key: '{key}'}}\n")
    assert repository.scan("--policy", str(policy)).status == 0
    said = audit(repository, "verify", "--ledger", str(tmp_path / "signed.db")).stdout.decode()
    assert "example.com/gate" in said
