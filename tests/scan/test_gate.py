"""The gate by its command: what passes, what fails, what stays unknown, and who judges."""

import os
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

SHELL = "import subprocess\n\n\ndef run(word):\n    subprocess.call(word, shell=True)\n"
CLEAN = "def add(a, b):\n    return a + b\n"
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date()
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date()


def waiver(expires, extra=""):
    return (
        "scan:\n  waivers:\n  - rule: B602\n    owner: team@example.com\n"
        f"    reason: a sample\n    expires: {expires}\n{extra}"
    )


def test_a_clean_tree_passes(repository):
    repository.commit({"a.py": CLEAN})
    scan = repository.scan()
    assert (scan.status, scan.report["result"]) == (0, "passed")
    assert scan.file("a.py")["status"] == "scanned"


def test_a_finding_fails_and_is_shown_with_its_code(repository):
    repository.commit({"a.py": SHELL})
    scan = repository.scan()
    assert scan.status == 1
    assert scan.rules("failing") == ["B602"]
    assert "a.py:5" in scan.text
    assert "shell=True" in scan.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.py", "def f(:\n"),
        ("null.py", b"x = 1\x00\n"),
        ("binary.py", bytes(range(256)) * 40),
        ("deep.py", "x = " + "(" * 5000 + ")" * 5000),
        ("newer.py", "type X[T] = list[T]\n" if os.sys.version_info < (3, 12) else "match: = 1\n"),
        (".hidden/broken.py", "def f(:\n"),
    ],
)
def test_python_that_cannot_be_parsed_leaves_the_answer_unknown(repository, name, content):
    repository.commit({"a.py": CLEAN, name: content})
    scan = repository.scan()
    assert (scan.status, scan.report["result"]) == (3, "unknown")
    assert scan.file(name)["status"] == "unparseable"
    assert name in scan.text


@pytest.mark.parametrize("name", ["main.tf.json", "serverless.yml", "terragrunt.hcl", "a.yaml.tmpl"])
def test_a_kind_without_a_scanner_never_passes(repository, name):
    repository.commit({name: "x: '{{ y }}'\n"})
    scan = repository.scan(scanners=("code", "manifests", "infrastructure"))
    assert scan.status == 3
    assert scan.file(name)["status"] == "no-tool"


def test_files_in_hidden_folders_and_without_ending_are_scanned(repository):
    repository.commit({".tools/x.py": SHELL, "bin/run": "#!/usr/bin/env python3\n" + SHELL})
    assert repository.scan().rules("failing") == ["B602", "B602"]


def test_an_inline_suppression_does_not_hide(repository):
    repository.commit({"a.py": SHELL.replace("=True)", "=True)  # nosec B602 trust me")})
    scan = repository.scan()
    assert scan.status == 1
    (finding,) = scan.findings("failing")
    assert finding["suppression"] == {"kind": "nosec", "reason": "B602 trust me"}


def test_an_accepted_suppression_is_shown_as_suppressed(repository):
    policy = "scan:\n  inline_suppressions:\n    accept:\n    - rule: B602\n      reason: reviewed\n"
    repository.commit({"a.py": SHELL.replace("=True)", "=True)  # nosec"), "guarita.yaml": policy})
    scan = repository.scan()
    assert scan.status == 0
    assert "B602" in scan.rules("suppressed")


def test_the_trees_own_tool_configuration_has_no_effect(repository):
    repository.commit(
        {
            "a.py": SHELL,
            ".bandit": "[bandit]\nskips = B602\n",
            "pyproject.toml": "[tool.bandit]\nskips=['B602']\n",
        }
    )
    assert repository.scan().rules("failing") == ["B602"]


def test_nothing_in_the_tree_is_imported_or_run(repository, tmp_path):
    mark = tmp_path / "ran"
    bomb = f"open({str(mark)!r}, 'w')\n"
    repository.commit(dict.fromkeys(("bandit.py", "sitecustomize.py", "ast.py", "guarita/__init__.py"), bomb))
    repository.git("config", "core.fsmonitor", f"touch {mark}")
    repository.scan()
    assert not mark.exists()


def test_the_tree_judges_at_home_and_says_so(repository):
    repository.commit({"a.py": SHELL, "guarita.yaml": waiver(TOMORROW)})
    scan = repository.scan()
    assert scan.status == 0
    assert scan.report["policy_origin"] == "tree"
    assert scan.rules("waived") == ["B602"]


def test_an_expired_waiver_fails(repository):
    repository.commit({"a.py": SHELL, "guarita.yaml": waiver(YESTERDAY)})
    scan = repository.scan()
    assert scan.status == 1
    assert "expired" in scan.text


def test_a_change_does_not_choose_its_judge(repository):
    base = repository.commit({"b.py": CLEAN})
    repository.commit({"a.py": SHELL, "guarita.yaml": waiver(TOMORROW)})
    scan = repository.scan("--diff", base)
    assert scan.status == 1
    assert scan.report["policy_origin"] == "base"


def test_diff_fails_only_on_what_the_change_adds(repository):
    base = repository.commit({"a.py": SHELL})
    repository.git("mv", "a.py", "moved.py")
    moved = repository.commit({"moved.py": "\n\n# moved\n" + SHELL})
    scan = repository.scan("--diff", base)
    assert (scan.status, scan.rules("existing")) == (0, ["B602"])
    repository.commit({"second.py": SHELL})
    scan = repository.scan("--diff", moved)
    assert (scan.status, scan.rules("failing"), scan.rules("existing")) == (1, ["B602"], ["B602"])


def test_diff_leaves_the_work_tree_alone(repository):
    base = repository.commit({"a.py": SHELL})
    repository.commit({"a.py": CLEAN})
    repository.write({"a.py": CLEAN + "# not committed\n"})
    assert repository.scan("--diff", base).status == 0
    assert (repository.root / "a.py").read_text().endswith("# not committed\n")
    assert repository.git("status", "--porcelain") == "M a.py"


def test_a_base_that_is_not_there_is_an_error_of_the_call(repository):
    repository.commit({"a.py": CLEAN})
    scan = repository.scan("--diff", "nowhere")
    assert scan.status == 2
    assert "nowhere" in scan.text


def test_a_baseline_knows_what_was_there_and_no_more(repository, tmp_path):
    repository.commit({"a.py": SHELL})
    known = tmp_path / "baseline.json"
    assert repository.scan("--write-baseline", str(known)).status == 1
    assert repository.scan("--baseline", str(known)).rules("baseline") == ["B602"]
    repository.commit({"a.py": SHELL + "\n\ndef again(word):\n    subprocess.call(word, shell=True)\n"})
    scan = repository.scan("--baseline", str(known))
    assert (scan.status, scan.rules("failing")) == (1, ["B602"])


def test_links_are_not_followed(repository, tmp_path):
    secret = tmp_path / "outside.py"
    secret.write_text(SHELL)
    repository.write({"a.py": CLEAN})
    (repository.root / "link.py").symlink_to(secret)
    (repository.root / "loop").symlink_to(".")
    repository.commit()
    scan = repository.scan()
    assert scan.status == 0
    assert scan.file("link.py")["rule"] == "symlink"
    assert scan.file("loop")["rule"] == "symlink"


def test_a_tracked_folder_swapped_for_a_link_is_unknown(repository, tmp_path):
    repository.commit({"d/a.py": CLEAN})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.py").write_text(SHELL)
    (repository.root / "d" / "a.py").unlink()
    (repository.root / "d").rmdir()
    (repository.root / "d").symlink_to(tmp_path / "elsewhere")
    scan = repository.scan()
    assert scan.findings() == []
    assert scan.status == 3 or scan.file("d")["rule"] == "symlink"


def test_hostile_names_are_scanned_and_shown_harmless(repository):
    names = ["new\nline.py", "esc\x1b[31m.py", "caf\udce9.py", "-rf.py", "a" * 240 + ".py", "sp ace.py"]
    repository.commit(dict.fromkeys(names, SHELL))
    scan = repository.scan()
    assert scan.rules("failing") == ["B602"] * len(names)
    assert "\x1b[31m" not in scan.text
    assert "new\\x0aline.py" in scan.text
    assert "caf\\xe9.py" in scan.text
    assert '"caf%E9.py"' in scan.raw


def test_an_excluded_file_names_its_rule(repository):
    policy = "scan:\n  exclude:\n  - name: samples\n    paths: ['samples/']\n    reason: broken on purpose\n"
    repository.commit({"samples/x.py": "def f(:\n", "a.py": CLEAN, "guarita.yaml": policy})
    scan = repository.scan()
    assert scan.status == 0
    assert scan.file("samples/x.py")["rule"] == "samples"


def test_a_file_over_the_limit_is_unknown_and_a_large_binary_is_named(repository):
    policy = "scan:\n  max_file_size: 2048\n"
    repository.commit({"big.py": "x = 1\n" * 1000, "big.bin": b"\0" * 9000, "guarita.yaml": policy})
    scan = repository.scan()
    assert scan.status == 3
    assert scan.file("big.py")["status"] == "unparseable"
    assert scan.file("big.bin")["rule"] == "large-binary"


def test_no_git_an_empty_tree_and_a_bare_repository(repository, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "a.py").write_text(SHELL)
    assert repository.scan(str(plain)).status == 1
    assert repository.scan(str(tmp_path / "missing")).status == 2
    assert repository.scan().status == 0
    repository.commit({"a.py": SHELL})
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", repository.root, bare], check=True)
    assert repository.scan(str(bare)).rules("failing") == ["B602"]


def test_the_snapshot_digest_is_of_the_content_alone(repository, tmp_path):
    repository.commit({"a.py": CLEAN, "b/c.py": SHELL})
    first = repository.scan().report["digests"]["tree"]
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", repository.root, clone], check=True)
    assert repository.scan(str(clone)).report["digests"]["tree"] == first
    (clone / "a.py").write_text(CLEAN + "\n")
    assert repository.scan(str(clone)).report["digests"]["tree"] != first


def test_an_interrupt_ends_children_and_clears_up(repository, tmp_path):
    repository.commit({f"m{n}.py": "\n".join(f"x{i} = [{i}] * 9" for i in range(3000)) for n in range(60)})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [repository.command, "scan", "--scanner", "code"],
        cwd=repository.root,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    while not list(scratch.glob("guarita-*/code")):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 130
    assert "Traceback" not in said
    assert list(scratch.iterdir()) == []
