"""The platform pack: each row has one check, a good and a bad sample, a heading, a level, and a fault in the example."""

import json
import re
import subprocess
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from guarita.policy.packs.platform import load_pack
from guarita.policy.severity import load_table
from guarita.scan.interface import ScanJob, Snapshot, TreeFile
from guarita.scan.scanners.platform.interface import quantity
from guarita.scan.scanners.platform.scanner import CHECKS, PlatformScanner

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests/data/platform"
RULES = list(load_pack())


def test_every_row_has_its_check_samples_heading_level_and_planted_fault():
    headings = re.findall(
        r"^## (GUARITA_PLATFORM_\d+)$", (ROOT / "docs/platform-pack.md").read_text(), re.MULTILINE
    )
    faults = yaml.safe_load((ROOT / "examples/platform/faults.yaml").read_text())["faults"]
    assert headings == RULES == list(CHECKS)
    assert {folder.name for folder in SAMPLES.iterdir()} == set(RULES)
    assert {fault["rule"] for fault in faults if fault["scanner"] == "platform"} == set(RULES)
    assert [rule for rule in RULES if load_table().lookup(rule).pattern != rule] == []


def test_the_page_says_what_each_row_asks():
    text = (ROOT / "docs/platform-pack.md").read_text()
    assert [row.rule for row in load_pack().values() if f"## {row.rule}\n\n{row.asks}" not in text] == []


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The findings in each sample, all asked of one scanner's engines that stay in memory."""

    def judge(sample):
        scratch = tmp_path_factory.mktemp("scratch")
        content = sample.read_bytes()
        file = TreeFile(
            path=sample.name, size=len(content), digest="0", staged=sample, place=sample.name, head=content
        )
        snapshot = Snapshot(root=sample.parent, files=(file,), digest="", by_place={file.place: file})
        job = ScanJob(snapshot, (file,), 1, 300.0, scratch, threading.Event(), warm=True)
        return PlatformScanner().scan(job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        yield judge


@pytest.mark.parametrize("rule", RULES)
def test_the_bad_sample_misses_the_row_and_the_good_one_meets_it(judged, rule):
    (good,), (bad,) = SAMPLES.glob(f"{rule}/good.*"), SAMPLES.glob(f"{rule}/bad.*")
    assert rule not in [finding.rule for finding in judged(good).findings]
    assert rule in [finding.rule for finding in judged(bad).findings]


def test_the_pack_runs_where_the_policy_asks_for_it_and_nowhere_else(repository):
    bad = (SAMPLES / "GUARITA_PLATFORM_1/bad.yaml").read_text()
    repository.commit({"hpa.yaml": bad})
    assert "platform" not in [run["name"] for run in repository.scan(scanners=()).report["scanners"]]
    repository.commit({"guarita.yaml": "scan: {packs: [platform]}\n"})
    scan = repository.scan(scanners=())
    assert scan.rules("failing") == ["GUARITA_PLATFORM_1"]
    assert scan.status == 1


def test_what_cannot_be_read_is_unknown(repository):
    repository.commit({"a.yaml": "apiVersion: v1\nkind: [\n", "b.tf": "resource {\n", "c.yaml": "x: 1\n"})
    scan = repository.scan(scanners=("platform",))
    assert scan.status == 3
    assert {f["path"]: f["status"] for f in scan.report["coverage"]["files"] if f["path"][1] == "."} == {
        "a.yaml": "unparseable", "b.tf": "unparseable", "c.yaml": "excluded",
    }  # fmt: skip


def test_a_sealed_value_of_a_secret_is_in_no_report_and_not_in_the_cache(repository, cache_home):
    repository.commit(
        {"s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: Xq9-hidden-7}\n"}
    )
    scan = repository.scan(scanners=("platform",))
    assert scan.rules() == ["GUARITA_PLATFORM_15"]
    assert "Xq9-hidden-7" not in scan.raw + json.dumps(scan.report)
    kept = subprocess.run(
        ["strings", cache_home / "guarita/results-1.db"], capture_output=True, check=False
    ).stdout
    assert b"Xq9-hidden-7" not in kept


@given(st.integers(0, 10**6))
def test_quantities_are_those_of_kubernetes(number):
    assert quantity(f"{number}m") == pytest.approx(number / 1000)
    assert quantity(f"{number}Ki") == number * 1024
    assert quantity(number) == number


@pytest.mark.parametrize("text", ["", "4 Gi", "Gi", "1.2.3", None, [], "-1"])
def test_what_is_no_quantity_is_none(text):
    assert quantity(text) is None
