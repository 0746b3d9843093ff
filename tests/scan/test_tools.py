"""Tools with environments of their own: complete or absent, made once, from what their lock names and nothing else."""

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from guarita.scan.tools import TOOLS, Standing, State, Tool, ToolError, standing, sync, tools_home
from guarita.scan.tools.environment import make_environment
from guarita.scan.tools.kube import Binary, find_helm, find_kustomize

ROOT = Path(__file__).parents[2]


class Sample(Tool):
    """A tool made of one file; no network, no environment."""

    name = "sample"
    purpose = "shows how tools are made"
    lock = b"sample==1.0\n"

    def __init__(self, *, fails="", instead=None):
        self.fails = fails
        self.instead = instead
        self.made = 0

    def make(self, folder, report):
        report("making")
        self.made += 1
        (folder / "half").write_text("done")
        if self.fails == "make":
            raise ToolError("tools.sync-failed", "out of luck")
        self.entry(folder).write_text("#!/bin/sh\n")
        self.entry(folder).chmod(0o755)

    def probe(self, folder):
        if self.fails == "probe" or not self.entry(folder).exists():
            raise ToolError("tools.failed", "it does not run")
        return "1.0"

    def entry(self, folder):
        return folder / "run"

    def borrowed(self):
        return self.instead


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GUARITA_TOOLS_HOME", str(tmp_path / "tools"))
    return tmp_path / "tools"


def visible(home):
    return sorted(path.name for path in home.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"GUARITA_TOOLS_HOME": "/x"}, "/x"),
        ({"XDG_DATA_HOME": "/data", "HOME": "/home/u"}, "/data/guarita/tools"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/home/u"}, "/home/u/.local/share/guarita/tools"),
        ({"HOME": "/home/u"}, "/home/u/.local/share/guarita/tools"),
    ],
)
def test_where_tools_live(variables, wanted):
    assert tools_home(variables) == Path(wanted)


def test_a_tool_is_made_once(home):
    tool = Sample()
    assert standing(tool) == Standing(State.MISSING)
    assert sync(tool) == (Standing(State.READY, "1.0", home / tool.label), True)
    assert sync(tool) == (Standing(State.READY, "1.0", home / tool.label), False)
    assert (tool.made, standing(tool).state) == (1, State.READY)
    assert sync(tool, force=True)[1]
    assert (tool.made, visible(home)) == (2, [tool.label])


@pytest.mark.parametrize("step", ["make", "probe"])
def test_what_fails_half_way_leaves_nothing(home, step):
    with pytest.raises(ToolError):
        sync(Sample(fails=step))
    assert visible(home) == []
    assert standing(Sample()).state is State.MISSING


def test_what_was_there_survives_a_failure(home):
    sync(Sample())
    with pytest.raises(ToolError):
        sync(Sample(fails="make"), force=True)
    assert standing(Sample()).state is State.READY


def test_a_tool_that_no_longer_runs_is_made_again(home):
    found, _ = sync(Sample())
    (found.path / "run").unlink()
    assert standing(Sample()).state is State.BROKEN
    assert sync(Sample())[1]
    assert standing(Sample()).state is State.READY


def test_a_folder_without_its_record_is_no_tool(home):
    found, _ = sync(Sample())
    (found.path / "guarita-tool.json").write_text("{")
    assert standing(Sample()).state is State.MISSING


def test_another_lock_is_another_tool(home):
    class Newer(Sample):
        lock = b"sample==2.0\n"

    sync(Sample())
    assert standing(Newer()).state is State.MISSING
    sync(Newer())
    assert visible(home) == sorted([Sample().label, Newer().label])


def test_one_stands_in_for_what_is_missing_or_broken(home):
    instead = Standing(State.BORROWED, "9", Path("/usr/bin"))
    assert standing(Sample(instead=instead)) == instead
    found, _ = sync(Sample())
    (found.path / "run").unlink()
    assert standing(Sample(instead=instead)) == instead


def test_two_at_once_make_one(home):
    tool = Sample()
    threads = [threading.Thread(target=sync, args=(tool,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tool.made, visible(home)) == (1, [tool.label])


def test_a_home_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GUARITA_TOOLS_HOME", str(tmp_path / "file" / "tools"))
    with pytest.raises(ToolError) as caught:
        sync(Sample())
    assert (caught.value.code, "GUARITA_TOOLS_HOME" in caught.value.hint) == ("tools.home", True)


def test_a_sync_that_is_killed_leaves_nothing_that_counts(home):
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "import test_tools\n"
        "class Slow(test_tools.Sample):\n"
        "    def probe(self, folder):\n"
        "        print('made', flush=True); time.sleep(600)\n"
        "test_tools.sync(Slow())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, Path(__file__).parent], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"made\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert visible(home) == []
    assert len(list(home.glob(".sample-*.partial"))) == 1
    sync(Sample())
    assert list(home.glob(".sample-*.partial")) == []
    assert standing(Sample()).state is State.READY


@pytest.fixture
def wheel(tmp_path):
    """A wheel in a folder of its own, and its SHA-256."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    path = folder / "tinything-1.0-py3-none-any.whl"
    content = {
        "tinything.py": "VALUE = 1\n",
        "tinything-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tinything\nVersion: 1.0\n",
        "tinything-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tinything-1.0.dist-info/entry_points.txt": "[console_scripts]\ntiny = tinything:VALUE\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},"
        f"{len(text)}\n"
        for name, text in content.items()
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**content, "tinything-1.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    return folder, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(params=["uv", "pip"])
def installer(request, tmp_path, monkeypatch, wheel):
    """uv, or none on PATH; both without a network, on the folder of wheels."""
    if request.param == "pip":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        # Where requirements/sync puts it.
        monkeypatch.setenv("PATH", str(ROOT / ".uv" / "bin"), prepend=os.pathsep)
        assert shutil.which("uv"), "uv belongs to the development environment"
    for name, value in {
        "UV_OFFLINE": "1", "UV_FIND_LINKS": str(wheel[0]), "UV_CACHE_DIR": str(tmp_path / "cache"),
        "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel[0]),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return request.param


def test_an_environment_holds_what_the_lock_names(tmp_path, wheel, installer):
    said = []
    folder = tmp_path / "environment"
    folder.mkdir()
    make_environment(folder, f"tinything==1.0 --hash=sha256:{wheel[1]}\n".encode(), said.append)
    python = [folder / "bin/python", "-I", "-c"]
    assert subprocess.check_output([*python, "import tinything; print(tinything.VALUE)"]) == b"1\n"
    assert subprocess.run([*python, "import guarita"], check=False, capture_output=True).returncode == 1
    assert any(installer in line for line in said)
    # Scripts name the path that the environment had before it was put in its place.
    assert not (folder / "bin" / "tiny").exists()


def test_a_file_with_another_hash_is_refused(tmp_path, installer):
    folder = tmp_path / "environment"
    folder.mkdir()
    with pytest.raises(ToolError) as caught:
        make_environment(folder, f"tinything==1.0 --hash=sha256:{'0' * 64}\n".encode(), lambda _: None)
    assert caught.value.code == "tools.sync-failed"


def test_every_line_of_a_lock_is_pinned_and_hashed():
    for tool in TOOLS:
        entries = tool.lock.decode().replace("\\\n", " ").splitlines()
        entries = [line for line in entries if line.strip() and not line.lstrip().startswith("#")]
        assert entries
        assert all("==" in line and "--hash=sha256:" in line for line in entries)
        assert "://" not in tool.lock.decode()


def script(folder, name, says):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


def test_a_renderer_on_the_path_stands_in(home, tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    assert find_helm(tmp_path) is None
    assert find_kustomize(tmp_path) is None
    helm = script(folder, "helm", "echo v3.9.9+gabc")
    kustomize = script(folder, "kustomize", "echo v5.0.1")
    assert find_helm(tmp_path) == Binary(helm, "v3.9.9", own=False)
    assert find_kustomize(tmp_path) == Binary(kustomize, "v5.0.1", own=False)
    script(folder, "helm", "exit 1")
    assert find_helm(tmp_path) is None


def guarita(*words, **variables):
    done = subprocess.run(
        [Path(sys.executable).parent / "guarita", "tools", *words],
        capture_output=True,
        check=False,
        timeout=600,
        env={**os.environ, **variables},
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_command_lists_what_is_missing_and_how_to_get_it(tmp_path):
    status, out, said = guarita("list", GUARITA_TOOLS_HOME=str(tmp_path / "none"))
    assert status == 0
    assert "missing" in out
    assert "guarita tools sync" in out + said


def test_an_unknown_tool_is_an_error_of_the_call():
    status, _, said = guarita("sync", "chekov")
    assert status == 2
    assert "chekov" in said
    assert "checkov" in said


@pytest.mark.tools
def test_the_real_tools_run_after_a_sync():
    assert guarita("sync")[0] == 0
    started = time.time()
    status, out, _ = guarita("list", "--json")
    tools = {tool["name"]: tool for tool in json.loads(out)["tools"]}
    assert status == 0
    assert set(tools) == {"checkov", "kube"}
    for tool in tools.values():
        assert tool["state"] == "ready"
        assert Path(tool["path"]).stat().st_mtime < started
    python = next(tool for tool in TOOLS if tool.name == "checkov").entry(Path(tools["checkov"]["path"]))
    said = subprocess.check_output([python, "-I", "-c", "import checkov.version as v; print(v.version)"])
    assert said.decode().strip() == tools["checkov"]["version"]
