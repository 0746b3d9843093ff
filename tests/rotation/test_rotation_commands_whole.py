"""`guarita rotate` with every rotator of this part, at real servers, by its commands."""

import io
import json
import re

import msgspec
import pytest
import sealing
from rotatorbenches import AppRoleBench, JwtBench, PkiBench, RedisBench, TransitBench
from servers import BAO_TOKEN

from guarita.cli.main import run
from guarita.config.rotation import RotationSection

KINDS = [AppRoleBench, TransitBench, PkiBench, JwtBench, RedisBench]


@pytest.fixture
def project(bao, tmp_path, monkeypatch, capsys):
    benches = {kind.kind: kind(bao, tmp_path, name=kind.kind) for kind in KINDS}
    sections = RotationSection(secrets={name: bench.section for name, bench in benches.items()})
    secrets = msgspec.to_builtins(sections)["secrets"]
    for one in secrets.values():
        one["soak_seconds"] = 0
    (tmp_path / "cert.pem").write_bytes(sealing.SealingKey(born=31).certificate)
    whole = {
        "rotation": {
            "vault": {"address": bao, "state": f"secret/state-{benches['pki'].mark}"},
            "secrets": secrets,
            "metrics": {"textfile": "rotation.prom"},
            "sealing": {"certificate": "cert.pem"},
            "patience_seconds": 20,
        }
    }
    (tmp_path / "guarita.yaml").write_text(json.dumps(whole))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAULT_TOKEN", BAO_TOKEN)
    monkeypatch.delenv("GUARITA_LEDGER", raising=False)

    def command(*words, status=0):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
        answered = run(["rotate", *words])
        said = capsys.readouterr()
        assert answered == status, said.out + said.err
        command.err = said.err
        return json.loads(said.out) if "--json" in words else said.out

    command.benches = benches
    command.folder = tmp_path
    yield command
    for bench in benches.values():
        bench.close()


def test_all_are_rotated_shown_and_told_to_prometheus(project):
    planned = project("plan", "--json", status=0)
    assert {one["secret"] for one in planned["secrets"]} == set(project.benches)
    done = project("run", *project.benches, "--json")
    assert {one["result"] for one in done["secrets"]} == {"done"}
    status = project("status", "--json")
    (key,) = status["sealing_keys"]
    assert key["overdue"]
    shown = project("status")
    assert "sealing key of cert.pem: 31.0 d" in shown
    assert "sealing key" in project("plan")
    text = (project.folder / "rotation.prom").read_text()
    told = dict(
        re.findall(
            r'^guarita_rotation_secret_created_timestamp_seconds{secret="(\w+)",.*} (\S+)$',
            text,
            re.MULTILINE,
        )
    )
    assert set(told) == set(project.benches)
    assert "guarita_rotation_last_run_success 1.0" in text
    # Once more: the old ones end.
    done = project("run", *project.benches, "--json")
    assert {one["result"] for one in done["secrets"]} == {"done"}, done
    for bench in project.benches.values():
        assert len(bench.valid()) == 1


def test_metrics_that_cannot_be_written_make_no_run_fail(project):
    (project.folder / "rotation.prom").mkdir()
    project("run", "approle")
    assert "metrics: " in project.err


def test_a_certificate_that_cannot_be_read_is_unknown(project):
    (project.folder / "cert.pem").unlink()
    answer = project("status", "--json", status=3)
    assert answer["errors"]["sealing"]["code"] == "sealed.unreachable"
