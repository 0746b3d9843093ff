"""Syntax that our Python does not know is judged by a newer one on PATH, or said to be unknown."""

import os
import shutil
import sys
from pathlib import Path

import pytest

NEW = "type X = list[int]\nimport subprocess\nsubprocess.run(input(), shell=True)\n"
"""PEP 695, Python 3.12."""


@pytest.fixture(scope="module")
def newer():
    """A folder with an interpreter that is newer than ours and runs."""
    places = [Path(path) for path in sorted(Path.home().glob(".pyenv/versions/3.1[2-9].*/bin"), reverse=True)]
    for place in places:
        for program in place.glob("python3.1[2-9]"):
            return program.parent
    found = next((path for n in range(19, 11, -1) if (path := shutil.which(f"python3.{n}"))), None)
    if found is None:
        pytest.fail("a Python newer than 3.11 is needed: apt install one, or put it on PATH")
    return Path(found).parent


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
