"""Trees of a size or a shape that nobody expects, and machines that are full."""

import contextlib
import os
import resource
import shutil
import subprocess

import pytest

CLEAN = "import math\n"
SHELL = "import subprocess\ndef run(word):\n    subprocess.call(word, shell=True)\n"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a disk: " + mounted.stderr.decode().strip())
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk):
    handle = os.open(disk / "filler", os.O_CREAT | os.O_WRONLY)
    with contextlib.suppress(OSError):
        while os.write(handle, bytes(4096)):
            continue
    os.close(handle)
    assert shutil.disk_usage(disk).free == 0


def test_ten_thousand_files_are_all_accounted_for(repository):
    files = {f"pkg{number // 100}/m{number}.py": f"VALUE = {number}\n" for number in range(10_000)}
    repository.commit({**files, "pkg7/m777.py": SHELL})
    scan = repository.scan()
    assert scan.status == 1
    assert len(scan.report["coverage"]["files"]) == 10_000
    assert scan.report["counts"]["coverage"]["scanned"] == 10_000
    assert {f["location"]["path"] for f in scan.findings()} == {"pkg7/m777.py"}


def test_a_text_of_200_megabytes_is_unknown_and_read_in_pieces(repository):
    repository.commit({"a.py": CLEAN})
    with (repository.root / "big.csv").open("wb") as stream:
        for _ in range(200):
            stream.write(b"name,value\n" * 95_326)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    scan = repository.scan(scanners=("code", "secrets", "documents"))
    assert scan.status == 3
    assert "max_file_size" in scan.file("big.csv")["reason"]
    assert scan.file("a.py")["status"] == "scanned"
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert after <= max(before, 600_000), "kilobytes"


def test_a_shallow_clone_says_how_to_get_the_base(repository, tmp_path):
    base = repository.commit({"a.py": CLEAN})
    repository.commit({"b.py": SHELL})
    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", f"file://{repository.root}", tmp_path / "shallow"], check=True
    )
    shallow = type(repository)(tmp_path / "shallow")
    assert shallow.scan().status == 1
    scan = shallow.scan("--diff", base)
    assert scan.status == 2
    assert "fetch-depth: 0" in scan.text


def test_loops_of_links_end(repository):
    repository.commit({"a.py": CLEAN})
    (repository.root / "loop").symlink_to("loop")
    (repository.root / "up").symlink_to("..")
    (repository.root / "one").symlink_to("two")
    (repository.root / "two").symlink_to("one")
    repository.commit()
    scan = repository.scan(scanners=("code", "secrets", "documents"))
    assert scan.status == 0
    assert {scan.file(name)["rule"] for name in ("loop", "up", "one", "two")} == {"symlink"}


def test_no_room_to_stage_the_tree_is_said_and_nothing_is_left(repository, small_disk):
    repository.commit({"big.py": "x = 1\n" * 400_000})
    scan = repository.scan(env={"TMPDIR": str(small_disk)})
    assert scan.status == 3
    assert "cannot be staged" in scan.text
    assert "TMPDIR" in scan.text
    assert list(small_disk.iterdir()) == []


def test_no_room_for_the_record_makes_the_verdict_unknown(repository, small_disk):
    repository.commit({"a.py": CLEAN})
    ledger = small_disk / "ledger.db"
    assert repository.scan("--ledger", str(ledger)).status == 0
    fill(small_disk)
    scan = repository.scan("--ledger", str(ledger))
    assert scan.status == 3
    assert "disk" in scan.text
    (small_disk / "filler").unlink()
    assert repository.scan("--ledger", str(ledger)).status == 0
    verify = [repository.command, "audit", "verify", "--ledger", ledger]
    assert subprocess.run(verify, check=False, capture_output=True).returncode == 0


def test_no_room_for_a_report_is_an_error_and_not_a_pass(repository, small_disk):
    repository.commit({"a.py": CLEAN})
    fill(small_disk)
    scan = repository.scan("--output", f"sarif={small_disk / 'report.sarif'}")
    assert scan.status == 3
    assert "No space" in scan.text


def test_without_git_installed_a_folder_is_scanned_and_a_base_refused(repository, tmp_path):
    repository.commit({"a.py": CLEAN})
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "env"):
        (tools / name).symlink_to(shutil.which(name))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.py").write_text(SHELL)
    assert repository.scan(str(folder), env={"PATH": str(tools)}).status == 1
    scan = repository.scan("--diff", "HEAD", env={"PATH": str(tools)})
    assert scan.status == 2
    assert "git is not installed" in scan.text
