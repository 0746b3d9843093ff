"""An engine that has gone blind makes the run unknown, whatever the tree; and what it said is not remembered."""

import json
import sys
from pathlib import Path

import pytest

from guarita.cli.main import run
from guarita.pii.reading import Reader

CLEAN = {
    "code": {"a.py": "x = 1\n"},
    "secrets": {"a.txt": "nothing\n"},
    "documents": {"a.md": "nothing\n"},
    "manifests": {"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n"},
    "infrastructure": {"Dockerfile": "FROM a:1\nHEALTHCHECK CMD true\nUSER a\n"},
}
BLIND_WORKER = """\
import json, sys
for line in sys.stdin:
    print(json.dumps({"findings": [], "resources": ["x"], "fragments": 0, "together": [], "sources": []}), flush=True)
"""
BLIND_KINGFISHER = "#!/bin/sh\necho '{\"blobs_scanned\": 1000000}'\n"
BLIND_ZIZMOR = '#!/bin/sh\nfor last; do echo "completed $last" >&2; done\necho "[]"\n'


@pytest.fixture
def judged(repository, monkeypatch, tmp_path):
    monkeypatch.chdir(repository.root)
    report = tmp_path / "report.json"

    def judge(scanner):
        status = run(["scan", "--scanner", scanner, "--ledger", "none", "--output", f"json={report}"])
        return status, json.loads(report.read_text())

    return judge


def blind(scanner, monkeypatch, tmp_path):
    worker = tmp_path / "blind.py"
    worker.write_text(BLIND_WORKER)
    if scanner == "code":
        monkeypatch.setattr("guarita.scan.scanners.code.scanner._OURS", [sys.executable, str(worker)])
    elif scanner == "secrets":
        program = tmp_path / "kingfisher"
        program.write_text(BLIND_KINGFISHER)
        program.chmod(0o755)
        monkeypatch.setattr("guarita.scan.scanners.secrets.scanner._engine", lambda: program)
    elif scanner == "documents":
        read = Reader.read
        unseeing = lambda self, order, files, timeout, **_: read(self, order, files, timeout)  # noqa: E731
        monkeypatch.setattr(Reader, "read", unseeing)
    else:
        monkeypatch.setattr("guarita.scan.scanners.checkov.client.BOOT", worker)


@pytest.mark.parametrize("scanner", CLEAN)
def test_a_blind_engine_is_told_by_its_canary(repository, judged, monkeypatch, tmp_path, scanner):
    repository.commit(CLEAN[scanner])
    with monkeypatch.context() as patch:
        blind(scanner, patch, tmp_path)
        status, report = judged(scanner)
    assert (status, report["result"]) == (3, "unknown")
    assert [problem["code"] for problem in report["problems"]] == ["scanner.canary"]
    # Nothing that it said is believed later.
    status, report = judged(scanner)
    assert (status, report["result"], report["problems"]) == (0, "passed", [])
    assert not [f for f in report["coverage"]["files"] if "canary" in f["path"]]
    assert report["scanners"][0]["files"] == len(CLEAN[scanner])


def test_a_blind_zizmor_is_told_by_its_canary(repository, judged, monkeypatch, tmp_path):
    program = tmp_path / "zizmor"
    program.write_text(BLIND_ZIZMOR)
    program.chmod(0o755)
    workflow = "name: a\non: push\npermissions: {}\njobs: {a: {runs-on: u, steps: [{run: 'true'}]}}\n"
    repository.commit({".github/workflows/a.yaml": workflow})
    with monkeypatch.context() as patch:
        patch.setattr("guarita.scan.scanners.infrastructure.workflows._program", lambda: program)
        status, report = judged("infrastructure")
    assert status == 3
    assert "zizmor.template-injection" in report["problems"][0]["message"]


def test_what_is_known_starts_no_engine_for_a_canary(repository, judged, monkeypatch):
    repository.commit(CLEAN["code"])
    assert judged("code")[0] == 0
    monkeypatch.setattr("guarita.scan.scanners.code.scanner._worker", lambda *_: pytest.fail("started"))
    assert judged("code")[0] == 0


def test_the_canaries_stand_in_no_file_of_ours_as_a_secret(repository):
    source = Path(__file__).parents[2] / "scanners/guarita/scan/scanners/secrets/scanner.py"
    repository.commit({"scanner.py": source.read_bytes()})
    assert repository.scan(scanners=("secrets",)).status == 0
