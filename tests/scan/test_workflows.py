"""GitHub workflows by zizmor beside checkov: one finding for one fault, nothing hidden, nothing unread."""

INJECTED = """\
name: ci
on: push
permissions: {}
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: echo "${{ github.event.issue.title }}"
      - run: echo "${{ github.event.issue.body }}"
"""
CLEAN = "name: ci\non: push\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: 'true'}]\n"
ACTION = """\
name: a
description: an action
runs:
  using: composite
  steps:
    - run: echo ${{ inputs.name }}
      shell: bash
"""


def scan(repository, *words):
    return repository.scan(*words, scanners=("infrastructure",))


def test_two_injections_are_two_findings_and_checkov_is_named_beside(repository):
    repository.commit({".github/workflows/ci.yaml": INJECTED})
    report = scan(repository)
    found = [f for f in report.findings() if f["rule"] == "zizmor.template-injection"]
    assert sorted(f["location"]["line"] for f in found) == [8, 9]
    assert any("infrastructure:CKV_GHA_2" in f["also"] for f in found)
    assert "CKV_GHA_2" not in report.rules()
    assert "zizmor" in report.report["scanners"][0]["tool"]


def test_a_step_put_in_before_keeps_the_fingerprints(repository):
    repository.commit({".github/workflows/ci.yaml": INJECTED})
    before = {f["fingerprint"] for f in scan(repository).findings() if f["rule"].startswith("zizmor")}
    moved = INJECTED.replace("    steps:\n", "    steps:\n      - run: make\n")
    repository.commit({".github/workflows/ci.yaml": moved})
    after = {f["fingerprint"] for f in scan(repository).findings() if f["rule"].startswith("zizmor")}
    assert before == after != set()


def test_an_ignore_comment_is_shown_and_hides_nothing(repository):
    used = "uses: actions/checkout@v4  # zizmor: ignore[unpinned-uses] trusted\n        with: {persist-credentials: false}"
    repository.commit(
        {".github/workflows/ci.yaml": INJECTED.replace("run: echo", f"{used}\n      - run: echo", 1)}
    )
    (found,) = [f for f in scan(repository).findings("failing") if f["rule"] == "zizmor.unpinned-uses"]
    assert found["suppression"] == {"kind": "zizmor:ignore", "reason": "trusted"}


def test_the_trees_own_configuration_is_not_read(repository):
    config = "rules:\n  template-injection:\n    disable: true\n"
    files = {".github/workflows/ci.yaml": INJECTED, "zizmor.yml": config, ".github/zizmor.yml": config}
    repository.commit(files)
    assert scan(repository).rules("failing").count("zizmor.template-injection") == 2


def test_an_action_anywhere_is_judged(repository):
    repository.commit({"tools/a/action.yml": ACTION, ".github/actions/b/action.yaml": ACTION})
    where = {f["location"]["path"] for f in scan(repository).findings() if "template" in f["rule"]}
    assert where == {"tools/a/action.yml", ".github/actions/b/action.yaml"}


def test_what_is_no_workflow_is_unknown(repository):
    repository.commit(
        {
            ".github/workflows/a.yaml": CLEAN,
            ".github/workflows/b.yaml": CLEAN.replace("runs-on: ubuntu", "x: u"),
        }
    )
    report = scan(repository)
    assert report.status == 3
    assert report.file(".github/workflows/a.yaml")["status"] == "scanned"
    assert "zizmor" in report.file(".github/workflows/b.yaml")["reason"]


def test_no_workflow_at_all_that_can_be_read_is_unknown_too(repository):
    repository.commit({".github/workflows/b.yaml": CLEAN.replace("runs-on: ubuntu", "x: u")})
    assert scan(repository).status == 3
