"""checkov's worker killed, stopped or starved in the middle of a run: the answer is unknown, never passed."""

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from guarita.scan.interface import ScanJob, Snapshot
from guarita.scan.scanners.checkov import Engine

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop-{n}, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: shop-{n}}}}}
  template:
    metadata: {{labels: {{app: shop-{n}}}}}
    spec:
      containers:
        - {{name: main, image: "registry.example.com/shop:1.0.0"}}
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n"
LONG = CONFIG + "data:\n" + "".join(f"  k{n}: v\n" for n in range(100_000))
"""About a second of work without a finding."""
MANY = {f"long-{n}.yaml": LONG for n in range(5)}


def engine_of(run):
    """The process id of the worker that a process started, once it is there."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes()
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if parent == run and b"engine/boot.py" in words:
                return int(folder.name)
        time.sleep(0.02)
    pytest.fail("the run ended without a worker")


def used(pid):
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(repository, strike, after):
    report = repository.root.parent / "report.json"
    process = subprocess.Popen(
        [repository.command, "scan", "--scanner", "manifests", "--output", f"json={report}"],
        cwd=repository.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    pid = engine_of(process.pid)
    while used(pid) < after:
        assert process.poll() is None, "the run ended before the fault"
        time.sleep(0.02)
    os.kill(pid, strike)
    said = process.communicate(timeout=120)[0].decode()
    assert "Traceback" not in said
    assert not Path(f"/proc/{pid}").exists()
    return process.returncode, json.loads(report.read_text())


@pytest.mark.parametrize("after", [0.0, 0.5, 2.0])
def test_a_worker_that_is_killed_leaves_the_answer_unknown(repository, after):
    repository.commit({"a.yaml": CONFIG} | MANY)
    status, report = run(repository, signal.SIGKILL, after)
    assert (status, report["result"]) == (3, "unknown")
    unknown = [f for f in report["coverage"]["files"] if f["status"] == "unparseable"]
    assert report["problems"] or "signal 9" in unknown[0]["reason"]


def test_a_worker_that_hangs_is_ended_in_time(repository):
    repository.commit({"a.yaml": CONFIG, "guarita.yaml": "scan:\n  timeout: 5\n"})
    status, report = run(repository, signal.SIGSTOP, 0.0)
    assert (status, report["result"]) == (3, "unknown")
    assert [problem["code"] for problem in report["problems"]] == ["scanner.hung"]


def test_a_worker_that_hangs_at_a_file_is_replaced(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(CONFIG)
    request = {"op": "manifest", "path": str(path), "key": "a"}
    job = ScanJob(Snapshot(tmp_path, (), ""), (), 1, 300.0, tmp_path, threading.Event())
    with Engine(job, "manifests") as engine:
        assert "error" not in engine.ask(request)
        pid = engine_of(os.getpid())
        os.kill(pid, signal.SIGSTOP)
        answer = engine.ask(request, timeout=1.0)
        assert answer["died"]
        assert "longer than 1 seconds" in answer["error"]
        assert not Path(f"/proc/{pid}").exists()
        assert "error" not in engine.ask(request)
        assert engine.generation == 2


def test_a_file_that_ends_its_worker_takes_no_other_with_it(repository):
    bad = DEPLOYMENT.format(n="bad").replace('"}', '", securityContext: {privileged: true}}')
    repository.commit({"a.yaml": bad, "deep.yaml": "a: " + "[" * 200_000, "z.yaml": bad.replace("bad", "z")})
    scan = repository.scan(scanners=("manifests",))
    assert scan.status == 3
    assert scan.file("deep.yaml")["status"] == "unparseable"
    assert scan.rules().count("CKV_K8S_16") == 2
    # What the first worker knew is judged together with the rest all the same.
    assert scan.rules().count("CKV2_K8S_6") == 2
