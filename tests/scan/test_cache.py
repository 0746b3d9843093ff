"""Results by content: shared, bounded, never wrong, and never from the scanned tree."""

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.cli.main import run
from guarita.scan.cache import Results, Store
from guarita.scan.cache.results import hashed
from guarita.scan.cache.store import FILE

FAULTY = Path(__file__).parents[2] / "examples" / "platform" / "faulty"
BAD = "import subprocess\nsubprocess.run(input(), shell=True)\n"
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: n}
spec:
  containers:
    - {name: a, image: 'a:1', securityContext: {privileged: true}}
"""


def rows(folder):
    with sqlite3.connect(folder / FILE) as base:
        return base.execute("SELECT key, value, check_ FROM entries").fetchall()


def values(folder):
    return [zlib.decompress(value[1:]) if value[:1] == b"z" else value[1:] for _, value, _ in rows(folder)]


def without_times(report):
    kept = {key: report[key] for key in ("result", "decisions", "coverage", "digests", "problems")}
    return json.dumps(kept, sort_keys=True)


def test_a_second_run_finds_the_same_and_starts_no_engine(repository, monkeypatch):
    repository.commit({"a.py": BAD, "b.py": "x = 1\n"})
    cold = repository.scan("--ledger", "none")
    monkeypatch.chdir(repository.root)
    monkeypatch.setattr("guarita.scan.scanners.code.scanner._worker", lambda job: pytest.fail("started"))
    report = repository.root.parent / "warm.json"
    assert run(["scan", "--scanner", "code", "--ledger", "none", "--output", f"json={report}"]) == 1
    assert without_times(cold.report) == without_times(json.loads(report.read_text()))


def test_a_file_that_moved_is_known_at_its_new_place(repository, cache_home):
    repository.commit({"a.py": BAD})
    repository.scan()
    before = len(rows(cache_home / "guarita"))
    repository.git("mv", "a.py", "b.py")
    scan = repository.scan()
    assert {finding["location"]["path"] for finding in scan.findings()} == {"b.py"}
    # One more result for the tree as a whole, none for the file.
    assert len(rows(cache_home / "guarita")) == before + 1


def test_branches_share_what_is_known(repository, cache_home):
    repository.commit({"a.py": BAD})
    repository.scan("--ledger", "none")
    repository.git("checkout", "-q", "-b", "other")
    repository.commit({"c.py": "y = 2\n"})
    repository.scan("--ledger", "none")
    known = rows(cache_home / "guarita")
    repository.git("checkout", "-q", "main")
    repository.scan("--ledger", "none")
    assert rows(cache_home / "guarita") == known


def test_what_is_unknown_is_asked_again(repository, cache_home):
    repository.commit({"a.py": "def broken(:\n", "b.py": BAD})
    first, second = repository.scan(), repository.scan()
    assert first.status == second.status == 3
    assert len(rows(cache_home / "guarita")) == 1  # b.py, and neither a.py nor the tree as a whole


def test_verify_cache_agrees_with_a_true_cache_and_fails_on_a_forged_one(repository, cache_home):
    repository.commit({"a.py": BAD})
    assert repository.scan().status == 1
    assert repository.scan("--verify-cache").status == 1
    with sqlite3.connect(cache_home / "guarita" / FILE) as base:
        for key, value, _ in rows(cache_home / "guarita"):
            text = zlib.decompress(value[1:]) if value[:1] == b"z" else value[1:]
            forged = b"r" + text.replace(b"B602", b"B999")
            digest = hashlib.blake2b(key + forged, digest_size=16).digest()
            base.execute("UPDATE entries SET value = ?, check_ = ? WHERE key = ?", (forged, digest, key))
    assert "B999" in repository.scan().rules()
    scan = repository.scan("--verify-cache")
    assert scan.status == 3
    assert [problem["code"] for problem in scan.report["problems"]] == ["cache.differs"]
    assert "a.py" in scan.report["problems"][0]["message"]


@pytest.mark.tools
def test_a_real_tree_is_the_same_from_the_cache_and_nothing_of_a_secret_is_kept(repository, tmp_path):
    scanners = ("code", "manifests", "infrastructure", "secrets", "documents")
    cache = tmp_path / "results"
    cold = repository.scan(
        str(FAULTY), "--cache", str(cache), "--policy", str(FAULTY / "guarita.yaml"), scanners=scanners
    )
    warm = repository.scan(
        str(FAULTY),
        "--cache",
        str(cache),
        "--policy",
        str(FAULTY / "guarita.yaml"),
        "--verify-cache",
        scanners=scanners,
    )
    assert cold.status == warm.status == 1
    assert without_times(cold.report) == without_times(warm.report)
    faults = yaml.safe_load((FAULTY.parent / "faults.yaml").read_text())["faults"]
    kept = b"\n".join(values(cache))
    hidden = [f for f in faults if f["scanner"] in {"secrets", "documents"} and "text" in f]
    words = {
        word
        for fault in hidden
        for line in (FAULTY / fault["path"]).read_text().splitlines()
        if fault["text"] in line
        for word in re.findall(r"[\w+/@.\-]{10,}", line)
        if "@" in word or any(map(str.isdigit, word))
    }
    assert len(words) > len(hidden) / 2
    assert [word for word in words if word.encode() in kept] == []


@pytest.mark.parametrize("how", ["tracked", "a link to what is tracked"])
def test_a_cache_that_the_tree_brings_along_is_refused(repository, how):
    repository.commit({"a.py": BAD, "brought/results-1.db": b"anything"})
    folder = repository.root / "brought"
    folder.chmod(0o700)
    if how != "tracked":
        (repository.root / "link").symlink_to(folder)
        folder = repository.root / "link"
    scan = repository.scan("--cache", str(folder))
    assert scan.status == 2
    assert "brings along" in scan.text


def test_a_cache_in_a_folder_that_git_does_not_track_is_used_and_not_scanned(repository):
    repository.commit({"a.py": BAD})
    folder = repository.root / ".cache"
    folder.mkdir(mode=0o700)
    first = repository.scan("--cache", str(folder))
    second = repository.scan("--cache", str(folder))
    assert first.status == second.status == 1
    assert rows(folder)
    assert first.report["digests"]["tree"] == second.report["digests"]["tree"]
    assert not [
        f for f in second.report["coverage"]["files"] if f["status"] == "scanned" and ".cache" in f["path"]
    ]


def test_a_folder_that_others_can_write_to_is_refused(repository, tmp_path):
    repository.commit({"a.py": BAD})
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    scan = repository.scan("--cache", str(folder))
    assert scan.status == 2
    assert "others can write" in scan.text


def test_runs_at_once_disturb_no_other(repository, cache_home):
    repository.commit({f"{n}.py": BAD + f"x = {n}\n" for n in range(8)})
    command = [repository.command, "scan", "--scanner", "code", "--output", "json", "--ledger", "none"]
    runs = [subprocess.Popen(command, cwd=repository.root, stdout=subprocess.PIPE) for _ in range(4)]
    reports = [json.loads(run.communicate(timeout=200)[0]) for run in runs]
    assert {run.returncode for run in runs} == {1}
    assert len({without_times(report) for report in reports}) == 1
    assert len(rows(cache_home / "guarita")) == 9


def test_an_entry_that_was_damaged_is_not_believed(tmp_path):
    with Store(tmp_path) as store:
        store.put(b"k" * 32, b"value")
    with sqlite3.connect(tmp_path / FILE) as base:
        base.execute("UPDATE entries SET value = ?", (b"other",))
    with Store(tmp_path) as store:
        assert store.get(b"k" * 32) is None
        store.put(b"k" * 32, b"again")
    with Store(tmp_path) as store:
        assert store.get(b"k" * 32) == b"again"


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_file_damaged_anywhere_gives_the_true_value_or_none(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("store")
    truth = {hashed(str(n)): os.urandom(200) for n in range(20)}
    with Store(folder) as store:
        for key, value in truth.items():
            store.put(key, value)
    content = bytearray((folder / FILE).read_bytes())
    for _ in range(data.draw(st.integers(1, 30))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.sampled_from([None, len(content) // 2, 10]))
    (folder / FILE).write_bytes(content[:cut])
    with Store(folder) as store:
        for key, value in truth.items():
            assert store.get(key) in {None, value}
        store.put(b"new", b"value")
    with Store(folder) as store:
        assert store.get(b"new") in {None, b"value"}


def test_a_foreign_file_is_replaced(tmp_path):
    with sqlite3.connect(tmp_path / FILE) as base:
        base.execute("CREATE TABLE entries (key, value, check_)")
        base.execute("CREATE TRIGGER t AFTER INSERT ON entries BEGIN SELECT 1; END")
        base.execute("PRAGMA user_version = 1")
    base.close()
    with Store(tmp_path) as store:
        store.put(b"k", b"v")
    with Store(tmp_path) as store:
        assert store.get(b"k") == b"v"


def test_the_size_is_bounded_and_what_was_used_last_stays(tmp_path):
    day = 86_400
    clock = [0.0]
    kib = os.urandom(1024)
    for n in range(40):
        clock[0] += day
        with Store(tmp_path, most=20 * 1024, now=lambda: clock[0]) as store:
            store.get(b"0")
            store.put(str(n).encode(), kib)
    with Store(tmp_path, most=20 * 1024) as store:
        kept = [n for n in range(40) if store.get(str(n).encode()) is not None]
    assert kept[0] == 0
    assert kept[-1] == 39
    assert 15 <= len(kept) <= 20
    assert (tmp_path / FILE).stat().st_size < 80 * 1024


def test_a_writer_that_is_killed_leaves_whole_entries(tmp_path):
    program = (
        "import sys, os\nfrom pathlib import Path\nfrom guarita.scan.cache import Store\n"
        "n = 0\nwhile True:\n    store = Store(Path(sys.argv[1]))\n"
        "    store.put(str(n % 50).encode(), str(n % 50).encode() * 5000)\n    store.close()\n    n += 1\n"
        "    print(n, flush=True)\n"
    )
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE)
        for _ in range(20):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        with Store(tmp_path) as store:
            found = {n: store.get(str(n).encode()) for n in range(50)}
        assert any(found.values())
        assert all(value in {None, str(n).encode() * 5000} for n, value in found.items())


def test_a_locked_or_full_store_is_done_without(tmp_path, monkeypatch):
    monkeypatch.setattr("guarita.scan.cache.store.WAIT", 0.1)
    with Store(tmp_path) as store:
        store.put(b"k", b"v")
    holder = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with Store(tmp_path) as store:
        store.get(b"k")
        store.put(b"l", b"w")
    holder.execute("COMMIT")
    holder.close()
    with Store(tmp_path) as store:
        assert store.get(b"k") == b"v"


def test_nothing_is_kept_before_it_is_confirmed(tmp_path):
    with Store(tmp_path) as store:
        results = Results(store, "code", "1")
        results.put(results.key("file", "a"), ["found"])
        assert results.get(results.key("file", "a"), list) == ["found"]
    with Store(tmp_path) as store:
        results = Results(store, "code", "1")
        assert results.get(results.key("file", "a"), list) is None
        results.put(results.key("file", "a"), ["found"])
        results.confirm()
        assert Results(store, "code", "2").get(results.key("file", "a"), list) == ["found"]
        other = Results(store, "code", "2")
        assert other.get(other.key("file", "a"), list) is None


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_different_facts_have_different_keys(one, other):
    assert (hashed(*one) == hashed(*other)) == (one == other)


def test_threads_share_a_store(tmp_path):
    with Store(tmp_path) as store:

        def work(name):
            for n in range(200):
                store.put(f"{name}{n}".encode(), name.encode())
                assert store.get(f"{name}{n}".encode()) == name.encode()

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with Store(tmp_path) as store:
        assert all(store.get(f"{name}{n}".encode()) == name.encode() for name in "abcd" for n in range(200))
