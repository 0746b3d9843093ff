import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from guarita.cli.main import run

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
assert GUARITA.exists(), f"the command is not installed beside {sys.executable}"


@pytest.fixture(scope="session", autouse=True)
def cache_home(tmp_path_factory):
    """The user's cache folder for all tests: what engines make once (compiled rules) is made once."""
    home = tmp_path_factory.mktemp("cache-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        yield home


@pytest.fixture(autouse=True)
def own_results(cache_home):
    """No test lives on what another found."""
    for file in cache_home.glob("guarita/results*"):
        file.unlink()


class Repository:
    """A git repository in a temporary folder, and the gate run on it by the real command."""

    command = GUARITA

    def __init__(self, root: Path):
        self.root = root
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *words], cwd=self.root, check=True, capture_output=True)
        return done.stdout.decode().strip()

    def write(self, files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            target = os.path.join(os.fsencode(self.root), os.fsencode(name))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as stream:
                stream.write(content.encode() if isinstance(content, str) else content)

    def commit(self, files: dict[str, str | bytes] | None = None) -> str:
        self.write(files or {})
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def scan(
        self, *words: str, scanners: tuple[str, ...] = ("code",), env: dict[str, str] | None = None
    ) -> "Scan":
        report = self.root.parent / "report.json"
        report.unlink(missing_ok=True)
        chosen = [word for name in scanners for word in ("--scanner", name)]
        done = subprocess.run(
            [GUARITA, "scan", *chosen, "--output", "text", "--output", f"json={report}", *words],
            cwd=self.root,
            capture_output=True,
            check=False,
            timeout=240,
            env={**os.environ, **(env or {})},
        )
        return Scan(done, report)


class Scan:
    def __init__(self, done: subprocess.CompletedProcess, report: Path):
        self.status = done.returncode
        self.text = done.stdout.decode() + done.stderr.decode()
        self.raw = report.read_text() if report.exists() else ""
        self.report = json.loads(self.raw) if self.raw else {}
        assert "Traceback" not in self.text

    def findings(self, state: str | None = None) -> list[dict]:
        return [d["finding"] for d in self.report["decisions"] if state in (None, d["state"])]

    def rules(self, state: str | None = None) -> list[str]:
        return sorted(finding["rule"] for finding in self.findings(state))

    def file(self, path: str) -> dict:
        (found,) = [file for file in self.report["coverage"]["files"] if file["path"] == path]
        return found


@pytest.fixture(scope="module")
def new_repository(tmp_path_factory):
    def make() -> Repository:
        root = tmp_path_factory.mktemp("shared") / "repository"
        root.mkdir()
        return Repository(root)

    return make


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "repository").mkdir()
    return Repository(tmp_path / "repository")


@pytest.fixture
def at(repository, monkeypatch, capsys):
    """The command, called in the repository; gives its status and all that it said."""
    monkeypatch.chdir(repository.root)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words):
        capsys.readouterr()
        status = run(list(words))
        said = capsys.readouterr()
        return status, said.out + said.err

    return call
