"""The file sink: rotated by size and age, renamed by others, torn by a crash: no line is lost, none stands twice."""

import json
import os
import random
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.audit import events, open_ledger
from guarita.audit.sinks.file import FileSink
from guarita.audit.sinks.interface import Batch, SinkRefusedError, SinkUnavailableError

LOGROTATE = shutil.which("logrotate", path=f"{os.environ['PATH']}:/usr/sbin")
DAY = 86_400_000


@pytest.fixture(scope="module")
def leaves(tmp_path_factory):
    with open_ledger(str(tmp_path_factory.mktemp("l") / "l.db"), origin="example.com/log") as ledger:
        ledger.append_all(
            events.api_activity(time=n * DAY // 10, operation="x" * (n % 50), actor="a") for n in range(400)
        )
        return list(ledger.entries())


def batch(leaves, start, stop):
    return Batch("example.com/log", leaves[start:stop])


def indexes(path):
    content = path.read_bytes()
    assert not content or content.endswith(b"\n")
    return [json.loads(line)["index"] for line in content.splitlines()]


def everything(folder, name="a.jsonl"):
    """The indexes of all files, in order of their names, the one in use last."""
    rotated = sorted(path for path in folder.glob(f"{name}.*"))
    for path in rotated:
        first, last = path.name.rpartition(".")[2].split("-")
        assert indexes(path) == list(range(int(first), int(last) + 1))
    return [index for path in (*rotated, folder / name) for index in indexes(path)]


def test_rotation_by_size_keeps_every_line_and_the_bound(leaves, tmp_path):
    sink = FileSink(tmp_path / "a.jsonl", max_bytes=4096)
    for start in range(0, 400, 50):
        assert sink.send(batch(leaves, start, start + 50)) == 0
    assert everything(tmp_path) == list(range(400))
    assert all(path.stat().st_size <= 4096 for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) > 20


def test_rotation_by_age_parts_days(leaves, tmp_path):
    sink = FileSink(tmp_path / "a.jsonl", max_bytes=10**9, max_age=86_400)
    sink.send(batch(leaves, 0, 35))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.jsonl", *(f"a.jsonl.{first:020d}-{first + 9:020d}" for first in (0, 10, 20))]
    assert everything(tmp_path) == list(range(35))


def test_a_batch_that_comes_again_is_not_written_twice(leaves, tmp_path):
    for size in (10**9, 4096):
        path = tmp_path / str(size) / "a.jsonl"
        FileSink(path, max_bytes=size).send(batch(leaves, 0, 100))
        for _ in range(2):
            sink = FileSink(
                path, max_bytes=size
            )  # another process, after a crash before the cursor was saved
            sink.send(batch(leaves, 50, 100))
            sink.send(batch(leaves, 100, 120))
            sink.close()
        assert everything(path.parent) == list(range(120))


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(1, 3000), again=st.integers(0, 60))
def test_a_torn_end_is_mended(leaves, tmp_path_factory, cut, again):
    path = tmp_path_factory.mktemp("torn") / "a.jsonl"
    first = FileSink(path, max_bytes=10**9)
    first.send(batch(leaves, 0, 60))
    first.close()
    os.truncate(path, max(0, path.stat().st_size - cut))
    whole = path.read_bytes().count(b"\n")
    sink = FileSink(path, max_bytes=10**9)
    sink.send(batch(leaves, min(again, whole), 100))
    sink.close()
    assert indexes(path) == list(range(100))


def test_an_empty_file_after_a_rotation_remembers_what_came_before(leaves, tmp_path):
    sink = FileSink(tmp_path / "a.jsonl", max_bytes=10**9)
    sink.send(batch(leaves, 0, 50))
    sink.close()
    (tmp_path / "a.jsonl").rename(tmp_path / f"a.jsonl.{0:020d}-{49:020d}")
    (tmp_path / "a.jsonl").touch()  # killed right after its own rotation
    FileSink(tmp_path / "a.jsonl", max_bytes=10**9).send(batch(leaves, 20, 70))
    assert everything(tmp_path) == list(range(70))


def test_a_file_renamed_by_others_is_left_and_a_new_one_begun(leaves, tmp_path):
    sink, rng = FileSink(tmp_path / "a.jsonl", max_bytes=10**9), random.Random(2)
    at, moved = 0, []
    while at < 400:
        stop = min(400, at + rng.randrange(1, 40))
        sink.send(batch(leaves, at, stop))
        at = stop
        if rng.random() < 0.4:
            moved.append(tmp_path / f"old-{len(moved):03d}")
            (tmp_path / "a.jsonl").rename(moved[-1])
    present = [tmp_path / "a.jsonl"] if (tmp_path / "a.jsonl").exists() else []
    assert [index for path in (*moved, *present) for index in indexes(path)] == list(range(400))


def test_logrotate_itself_may_rotate(leaves, tmp_path):
    (tmp_path / "conf").write_text(
        f"{tmp_path}/log/a.jsonl {{\n  rotate 99\n  nocompress\n  missingok\n  nocreate\n}}\n"
    )
    (tmp_path / "log").mkdir(mode=0o755)
    sink = FileSink(tmp_path / "log" / "a.jsonl", max_bytes=10**9)
    for start in range(0, 400, 100):
        sink.send(batch(leaves, start, start + 100))
        subprocess.run([LOGROTATE, "-f", "-s", tmp_path / "state", tmp_path / "conf"], check=True)
    found = [indexes(tmp_path / "log" / f"a.jsonl.{n}") for n in (4, 3, 2, 1)]
    assert [index for one in found for index in one] == list(range(400))


def test_files_of_others_are_refused(leaves, tmp_path):
    (tmp_path / "notes").write_text("my notes\n")
    with pytest.raises(SinkRefusedError, match="not those of a ledger"):
        FileSink(tmp_path / "notes", max_bytes=4096).send(batch(leaves, 0, 5))
    assert (tmp_path / "notes").read_text() == "my notes\n"
    with open_ledger(str(tmp_path / "o.db")) as other:
        other.append_all(events.api_activity(time=n, operation="other", actor="b") for n in range(10))
        theirs = list(other.entries())
    FileSink(tmp_path / "a.jsonl", max_bytes=10**9).send(batch(theirs, 0, 10))
    with pytest.raises(SinkRefusedError, match="stands there already"):
        FileSink(tmp_path / "a.jsonl", max_bytes=10**9).send(batch(leaves, 5, 20))
    assert indexes(tmp_path / "a.jsonl") == list(range(10))


def test_two_processes_on_one_file_and_a_folder_that_is_none_are_said(leaves, tmp_path):
    first = FileSink(tmp_path / "a.jsonl", max_bytes=4096)
    first.send(batch(leaves, 0, 5))
    with pytest.raises(SinkUnavailableError, match="another process writes there"):
        FileSink(tmp_path / "a.jsonl", max_bytes=4096).send(batch(leaves, 0, 5))
    with pytest.raises(SinkUnavailableError, match=r"Not a directory|File exists"):
        FileSink(tmp_path / "a.jsonl" / "b", max_bytes=4096).send(batch(leaves, 0, 5))


def test_a_full_disk_leaves_whole_lines_and_goes_on_when_there_is_room(leaves, tmp_path):
    import resource
    import signal

    sink = FileSink(tmp_path / "a.jsonl", max_bytes=10**9)
    sink.send(batch(leaves, 0, 20))
    # A limit on the size of files fails a write in the middle of a line, as a full disk does.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, before[1]))
        with pytest.raises(SinkUnavailableError, match="File too large"):
            sink.send(batch(leaves, 20, 200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    sink.send(batch(leaves, 20, 200))
    assert indexes(tmp_path / "a.jsonl") == list(range(200))
