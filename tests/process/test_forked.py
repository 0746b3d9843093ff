"""A process that a server forked: as confined as one that was started, and its engine's fault is told all the same."""

import sys
import threading
from pathlib import Path

import pytest

from guarita.pii.reading import Order, Reader, Setup
from guarita.process import ForkedWorker, Servers

TOLD = {"Seccomp", "NoNewPrivs", "CapEff"}


def confinement(pid):
    """What the kernel holds a process to."""
    told = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    limits = Path(f"/proc/{pid}/limits").read_text()
    bounds = [line for line in limits.splitlines() if line.startswith(("Max address space", "Max core"))]
    return {name: told[name] for name in TOLD}, bounds


def test_a_forked_reader_is_confined_as_one_of_its_own(tmp_path):
    document = tmp_path / "a.md"
    document.write_text("CPF 529.982.247-25")
    seen = []
    with Servers.private(tmp_path / "servers") as servers:
        for given in (None, servers):
            with Reader(Setup(), scratch=tmp_path, servers=given) as reader, document.open("rb") as file:
                assert reader.read(Order(name="a.md", seconds=30), [file.fileno()], 60).counts
                worker = reader._worker
                assert isinstance(worker, ForkedWorker) is (given is not None)
                seen.append(confinement(worker.pid))
    own, forked = seen
    assert own == forked
    assert own[0]["NoNewPrivs"] == "1"
    assert "unlimited" not in own[1][0]


@pytest.mark.parametrize("program", ["raise SystemExit(3)", """
import sys
from guarita.process.forkserver import serve, wanted
def load():
    raise RuntimeError("no engine here")
serve(wanted(), load)
"""])  # fmt: skip
def test_a_server_without_its_engine_is_no_server(tmp_path, program):
    file = tmp_path / "engine.py"
    file.write_text(program)
    with Servers.private(tmp_path / "servers") as servers:
        found = servers.connect(
            (sys.executable, file),
            "1",
            cwd=tmp_path,
            caller="test",
            stop=threading.Event(),
            kind=ForkedWorker,
        )
    assert found is None
