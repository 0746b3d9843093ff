"""Syntax that our Python does not know is judged by a newer one on PATH, or said to be unknown."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NEW = "type X = list[int]\nimport subprocess\nsubprocess.run(input(), shell=True)\n"
"""PEP 695, Python 3.12."""


@pytest.fixture(scope="module")
def newer():
    """A folder with an interpreter that is newer than ours, and runs with nothing else on PATH."""
    named = [Path(path) for n in range(19, 11, -1) if (path := shutil.which(f"python3.{n}"))]
    # A shim of pyenv's runs by its own configuration only; what it stands for is beside it.
    roots = dict.fromkeys([Path.home() / ".pyenv", *(path.parents[1] for path in named)])
    kept = [one for root in roots for one in root.glob("versions/3.1[2-9].*/bin/python3.1[2-9]")]
    for program in [*kept, *named]:
        done = subprocess.run(
            [program, "-c", "pass"], env={"PATH": str(program.parent)}, capture_output=True, check=False
        )
        if done.returncode == 0:
            return program.parent
    missing = "no Python newer than 3.11 runs here: install one, or put it on PATH"
    if os.environ.get("GUARITA_TEST_WHOLE"):
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture
def only_ours(tmp_path):
    """A PATH on which git stands and no other Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").symlink_to(shutil.which("git"))
    return str(folder)


pytestmark = pytest.mark.skipif(sys.version_info >= (3, 12), reason="our own Python parses it")


def test_a_newer_interpreter_judges_what_ours_cannot_parse(repository, newer, only_ours):
    repository.commit({"new.py": NEW, "old.py": "x = 1\n"})
    env = {"PATH": f"{newer}:{only_ours}"}
    cold, warm = repository.scan(env=env), repository.scan("--verify-cache", env=env)
    assert cold.status == warm.status == 1
    assert cold.rules("failing") == warm.rules("failing") == ["B602"]
    assert {file["status"] for file in cold.report["coverage"]["files"]} <= {"scanned", "excluded"}
    tools = {scan.report["scanners"][0]["tool"] for scan in (cold, warm)}
    assert len(tools) == 1
    assert " and 3.1" in tools.pop()


def test_without_one_the_file_is_unknown_and_says_so(repository, only_ours):
    repository.commit({"new.py": NEW})
    scan = repository.scan(env={"PATH": only_ours})
    assert scan.status == 3
    assert "no newer python3.N is on PATH" in scan.file("new.py")["reason"]


def test_an_interpreter_that_does_not_run_is_passed_over(repository, newer, only_ours):
    broken = Path(only_ours) / "python3.19"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    repository.commit({"new.py": NEW})
    assert repository.scan(env={"PATH": only_ours}).status == 3
    assert repository.scan(env={"PATH": f"{only_ours}:{newer}"}).status == 1


def test_what_no_python_parses_stays_unknown(repository, newer, only_ours):
    repository.commit({"new.py": "def (:\n"})
    scan = repository.scan(env={"PATH": f"{newer}:{only_ours}"})
    assert scan.status == 3
    assert "Python 3.1" in scan.file("new.py")["reason"]
    assert os.fspath(newer) not in scan.raw
