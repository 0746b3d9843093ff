"""The GitHub action, the GitLab job and the pre-commit hook, run as their systems run them."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml
from lxml import etree

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = ACTION["runs"]["steps"]
GITLAB = yaml.safe_load((ROOT / "ci/gitlab/guarita.gitlab-ci.yml").read_text())["guarita"]
HOOK = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
SCRIPTS = Path(sysconfig.get_path("scripts"))
FAULT = "import subprocess\n\n\ndef run(word):\n    subprocess.call(word, shell=True)\n"
WAIVE_ALL = "scan:\n  waivers:\n  - {rule: 'B*', owner: me, reason: mine, expires: 2099-01-01}\n  max_waiver_days: null\n"
HARM = ["$(touch pwned)", "; touch pwned #", "a\n`touch pwned`", "--upload-pack=touch pwned"]


class Job:
    """A GitHub job that has Guarita installed and runs the action's own steps."""

    def __init__(self, workspace: Path, temporary: Path):
        self.workspace = workspace
        self.temporary = temporary
        self.log = ""
        binaries = temporary / "guarita/venv/bin"
        binaries.mkdir(parents=True)
        (binaries / "guarita").symlink_to(SCRIPTS / "guarita")

    def step(self, name: str, expressions: dict[str, str]) -> int:
        (step,) = [step for step in STEPS if step.get("name") == name]
        files = {variable: self.temporary / variable for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        resolved = {variable: _resolved(text, expressions) for variable, text in step["env"].items()}
        assert step["shell"] == "bash"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=self.workspace,
            env={
                **os.environ,
                "RUNNER_TEMP": str(self.temporary),
                **{k: str(v) for k, v in files.items()},
                **resolved,
            },
            capture_output=True,
            check=False,
            timeout=200,
        )
        self.log += done.stdout.decode() + done.stderr.decode()
        return done.returncode

    def run(self, **inputs: str) -> int:
        """The gate and its answer: the action's exit status."""
        expressions = {f"inputs.{name}": str(given["default"]) for name, given in ACTION["inputs"].items()}
        expressions |= {f"inputs.{name.replace('_', '-')}": value for name, value in inputs.items()}
        base = expressions["inputs.diff"]
        expressions["inputs.diff || github.event.pull_request.base.sha"] = base
        expressions["github.action_path"] = str(ROOT)
        assert self.step("Run the gate", expressions) == 0, self.log
        expressions["steps.gate.outputs.status"] = self.outputs["status"]
        return self.step("The gate's answer", expressions)

    @property
    def outputs(self) -> dict[str, str]:
        return dict(
            line.split("=", 1) for line in (self.temporary / "GITHUB_OUTPUT").read_text().splitlines()
        )

    @property
    def summary(self) -> str:
        return (self.temporary / "GITHUB_STEP_SUMMARY").read_text()


def _resolved(text: str, expressions: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: expressions[match[1]], text)


@pytest.fixture
def job(repository, tmp_path):
    (tmp_path / "runner").mkdir()
    return Job(repository.root, tmp_path / "runner")


def test_every_action_is_pinned_by_commit():
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert len(used) == 2
    assert all(re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", name) for name in used)


def test_no_expression_is_written_into_a_shell():
    scripts = [step["run"] for step in STEPS if "run" in step]
    assert len(scripts) == 3
    assert not [script for script in scripts if "${{" in script]


def test_the_reports_are_sent_whatever_the_gate_says_and_the_answer_comes_last():
    upload, answer = STEPS[-2:]
    assert upload["uses"].startswith("github/codeql-action/upload-sarif@")
    assert upload["if"].startswith("always() && ")
    assert answer["if"] == "always()"


def test_a_failing_gate_fails_the_job_after_its_reports_are_written(repository, job):
    repository.commit({"a.py": FAULT})
    assert job.run(args="--scanner=code") == 1
    reports = Path(job.outputs["reports"])
    assert (job.outputs["status"], job.outputs["result"]) == ("1", "failed")
    assert "❌ Failed" in job.summary
    assert json.loads(Path(job.outputs["sarif"]).read_text())["runs"][0]["results"]
    assert {path.name for path in reports.iterdir()} == {
        "guarita.sarif",
        "summary.md",
        "report.html",
        "report.json",
    }
    assert "a.py:5" in job.log
    assert repository.git("status", "--porcelain") == ""


def test_a_passing_gate_passes(repository, job):
    repository.commit({"a.py": "x = 1\n"})
    assert job.run(args="--scanner=code") == 0
    assert job.outputs["result"] == "passed"
    assert "✅ Passed" in job.summary


def test_an_unknown_gate_is_no_pass(repository, job):
    repository.commit({"a.py": "def (:\n"})
    assert job.run(args="--scanner=code") == 3
    assert job.outputs["result"] == "unknown"


def test_a_wrong_call_says_so_and_sends_nothing(repository, job):
    repository.commit({"a.py": "x = 1\n"})
    assert job.run(fail_on="nonsense") == 2
    assert job.outputs == {"status": "2", "result": "", "reports": job.outputs["reports"]}
    assert "no answer (exit status 2)" in job.summary
    assert "nonsense" in job.log


def test_a_gate_that_never_ran_is_no_pass(job):
    assert job.step("The gate's answer", {"steps.gate.outputs.status": ""}) == 3


def test_inputs_reach_the_gate(repository, job):
    repository.commit({"one/a.py": FAULT, "two/a.py": "x = 1\n", "policy.yaml": "scan: {fail_on: low}\n"})
    assert job.run(paths="two/a.py\ntwo", args="--scanner\ncode\n", policy="policy.yaml") == 0
    assert job.run(paths="one", args="--scanner\ncode", fail_on="critical", policy="policy.yaml") == 0
    assert job.run(paths="one", args="--scanner\ncode", policy="policy.yaml") == 1


def test_a_pull_request_is_compared_with_its_base_which_a_shallow_checkout_lacks(repository, tmp_path):
    base = repository.commit({"a.py": FAULT})
    repository.commit({"b.py": "x = 1\n", "guarita.yaml": WAIVE_ALL})
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", repository.root.as_uri(), clone], check=True, capture_output=True
    )
    repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    temporary = tmp_path / "clone-runner"
    temporary.mkdir()
    job = Job(clone, temporary)
    # The fault is of the base; what fails is that the change brings a judge of its own.
    assert job.run(diff=base, args="--scanner=code") == 1, job.log
    report = json.loads((Path(job.outputs["reports"]) / "report.json").read_text())
    assert [d["state"] for d in report["decisions"] if d["finding"]["rule"] == "B602"] == ["existing"]
    failing = {d["finding"]["rule"] for d in report["decisions"] if d["state"] == "failing"}
    assert failing == {"GUARITA_GATE_1"}
    assert report["policy_origin"] == "base"


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("name", ["paths", "policy", "fail_on", "diff", "args", "ledger"])
def test_no_input_is_run_by_the_shell(repository, job, name, harm):
    repository.commit({"a.py": "x = 1\n"})
    job.run(**{"args": "--scanner=code", name: harm})
    assert list(repository.root.parent.rglob("pwned")) == []
    assert not Path("pwned").exists()


def test_no_name_in_the_tree_commands_the_runner(repository, job):
    name = "::set-output name=result::passed\n::error::x.py"
    repository.commit({f"{name}": FAULT, "##[error]x.py": FAULT})
    assert job.run(args="--scanner=code") == 1
    spoken = [line for line in job.log.splitlines() if line.lstrip().startswith("::")]
    stop, resume = spoken
    assert stop.startswith("::stop-commands::")
    assert resume == f"::{stop.removeprefix('::stop-commands::')}::"
    assert job.outputs["result"] == "failed"


def gitlab(repository, **variables):
    script = "\n".join(GITLAB["script"])
    return subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=repository.root,
        env={
            **os.environ,
            "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
            "CI_PROJECT_DIR": str(repository.root),
            **variables,
        },
        capture_output=True,
        check=False,
        timeout=200,
    )


def test_the_gitlab_job_leaves_its_reports_and_fails(repository):
    repository.commit({"a.py": FAULT})
    done = gitlab(repository)
    assert done.returncode == 1, done.stderr
    named = GITLAB["artifacts"]["reports"]
    assert set(named) == {"codequality", "junit", "sarif"}
    assert all((repository.root / path).is_file() for path in named.values())
    entries = json.loads((repository.root / named["codequality"]).read_text())
    assert "B602" in {entry["check_name"] for entry in entries}
    assert etree.parse(repository.root / named["junit"]).getroot().get("failures") != "0"
    assert GITLAB["artifacts"]["when"] == "always"
    # Its own reports are no part of what the next run scans.
    again = gitlab(repository)
    assert b".guarita-reports" not in again.stdout


def test_the_gitlab_job_compares_a_merge_request_with_its_base(repository):
    base = repository.commit({"a.py": FAULT})
    repository.commit({"b.py": "x = 1\n"})
    assert gitlab(repository).returncode == 1
    assert gitlab(repository, CI_MERGE_REQUEST_DIFF_BASE_SHA=base).returncode == 0
    repository.commit({"guarita.yaml": WAIVE_ALL})
    assert gitlab(repository).returncode == 0
    assert gitlab(repository, CI_MERGE_REQUEST_DIFF_BASE_SHA=base).returncode == 1
    repository.commit({"b.py": FAULT.replace("run", "walk")})
    assert gitlab(repository).returncode == 0
    assert gitlab(repository, CI_MERGE_REQUEST_DIFF_BASE_SHA=base).returncode == 1


def test_the_pre_commit_hooks_fail_on_a_staged_fault_and_pass_without(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    hook, whole = HOOK
    repository.commit({"fine.py": "x = 1\n", "-odd name.py": "x = 1\n"})
    repository.write({"bad.py": FAULT})
    entry = [*hook["entry"].split(), *hook["args"]]
    assert shutil.which(entry[0], path=str(SCRIPTS))
    entry[0] = str(SCRIPTS / entry[0])

    def run(*names):
        return subprocess.run(
            [*entry, *names], cwd=repository.root, capture_output=True, check=False
        ).returncode

    assert run("fine.py", "-odd name.py") == 0
    assert run("fine.py", "bad.py") == 1
    entry = [str(SCRIPTS / "guarita"), *whole["entry"].split()[1:], *whole.get("args", ())]
    assert not whole["pass_filenames"]
    assert run() == 1
