"""The engine's answers: all that plain checkov finds, each container by itself, the same whatever came before."""

import json
import subprocess
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.scan.interface import ScanJob, Snapshot
from guarita.scan.scanners.checkov import Engine
from guarita.scan.tools import checkov_python

FAULTY = Path(__file__).parents[2] / "examples" / "platform" / "faulty"
FRAMEWORKS = ("kubernetes", "terraform", "dockerfile", "github_actions")


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("engine")
    snapshot = Snapshot(root=scratch, files=(), digest="")
    job = ScanJob(snapshot, (), 1, 600.0, scratch, threading.Event())
    with Engine(job, "manifests") as engine:
        yield engine


def test_what_plain_checkov_finds_is_found(new_repository, tmp_path_factory):
    neutral = tmp_path_factory.mktemp("neutral")
    python, _ = checkov_python()
    done = subprocess.run(
        [
            python, "-I", "-m", "checkov.main", f"--directory={FAULTY}", "--skip-download", "--compact", "--quiet",
            "--output", "json", "--framework", *FRAMEWORKS,
        ],
        cwd=neutral, env={"HOME": str(neutral), "PATH": "/usr/bin:/bin"}, capture_output=True, check=False,
    )  # fmt: skip
    theirs = {
        (record["file_path"].lstrip("/"), record["check_id"])
        for report in json.loads(done.stdout)
        for record in report["results"]["failed_checks"]
    }
    repository = new_repository()
    scan = repository.scan(str(FAULTY), scanners=("manifests", "infrastructure"))
    # What zizmor sees too is zizmor's finding, and names checkov's.
    ours = {
        (finding["location"]["path"], rule.rpartition(":")[2])
        for finding in scan.findings()
        for rule in (finding["rule"], *finding["also"])
    }
    assert len(theirs) > 30
    assert theirs - ours == set()


containers = st.lists(st.booleans(), max_size=4)


@given(st.lists(st.booleans(), min_size=1, max_size=4), containers, containers)
@settings(max_examples=60, deadline=None)
def test_each_container_is_judged_by_itself(engine, tmp_path_factory, main, init, ephemeral):
    spec = {
        kind: [
            {"name": f"{kind[0]}{n}", "image": "i", "securityContext": {"privileged": bad}}
            for n, bad in enumerate(flags)
        ]
        for kind, flags in (
            ("containers", main),
            ("initContainers", init),
            ("ephemeralContainers", ephemeral),
        )
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, "spec": spec}
    path = tmp_path_factory.getbasetemp() / "pod.yaml"
    path.write_text(yaml.safe_dump(pod))
    answer = engine.ask({"op": "manifest", "path": str(path), "key": "k"})
    named = [found["part"].split()[1] for found in answer["findings"] if found["rule"] == "CKV_K8S_16"]
    bad = [c["name"] for items in spec.values() for c in items if c["securityContext"]["privileged"]]
    assert sorted(named) == sorted(bad)
    assert "error" not in answer


@given(
    st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@settings(max_examples=150, deadline=None)
def test_any_bytes_get_an_answer_and_end_no_worker(engine, tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    before = engine.ask({"op": "hello"}) and engine.generation
    for request in (
        {"op": "manifest", "path": str(path), "key": "k"},
        {"op": "dockerfile", "path": str(path), "key": "k"},
        {"op": "pipeline", "path": str(path), "key": "k", "kind": "github"},
        {"op": "template", "path": str(path), "key": "k", "kind": "template"},
    ):
        answer = engine.ask(request)
        assert "died" not in answer
        assert "error" in answer or "findings" in answer or "none" in answer
    assert engine.generation == before


def test_the_same_question_gets_the_same_answer(engine):
    request = {"op": "terraform", "root": str(FAULTY / "terraform")}
    first, second = engine.ask(request), engine.ask(request)

    def sorted_of(answer):
        return sorted((f["rule"], f["key"], f["resource"], f["line"]) for f in answer["findings"])

    assert sorted_of(first) == sorted_of(second)
    assert len(first["findings"]) > 20
