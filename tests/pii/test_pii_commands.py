"""`guarita pii` as people and pipelines run it: reports, exit statuses, and what is written where."""

import io
import json
import types

import pytest

from guarita.audit import open_ledger
from guarita.cli import main

CPF = "529.982.247-25"
SUSPECT = "CPF 529.982.247-26\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "guarita.yaml").write_text("pii: {names: 'off'}\n")
    return tmp_path


@pytest.fixture
def run(monkeypatch, capfdbinary):
    """Runs a command in this process; gives what it wrote."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments, stdin=b"", status):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        got = main.run(["pii", *map(str, arguments)])
        done = capfdbinary.readouterr()
        assert got == status, done.err.decode()
        return types.SimpleNamespace(stdout=done.out, stderr=done.err)

    return call


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_scan_says_what_is_where_and_fails(folder, run):
    write(
        folder,
        {"d/a.md": f"x\nCPF {CPF}\n", "d/b.csv": "a;b\n1;2\n", "d/x.png": b"\x89PNG\0", "d/.git/c.md": CPF},
    )
    done = run("scan", "d", status=1)
    out = done.stdout.decode()
    assert "d/a.md: redact" in out
    assert "line 2: CPF, high (check digits valid, label beside it): redact by otherwise" in out
    assert "2 documents: 1 allow, 1 redact, 1 files that are no documents. REFUSED" in out
    assert CPF not in out


def test_scan_as_json_and_its_threshold(folder, run):
    write(folder, {"a.md": f"CPF {CPF}\n"})
    answer = json.loads(run("scan", "--json", "--fail-on", "review", "a.md", status=0).stdout)
    assert answer["result"] == "passed"
    (document,) = answer["documents"]
    assert (document["decision"], document["counts"]) == ("redact", {"PII_CPF": 1})
    assert document["recorded"]["index"] == 0
    run("scan", "a.md", "--output", "json=report.json", "--output", "text=report.txt", status=1)
    assert json.loads((folder / "report.json").read_text())["result"] == "refused"
    assert "a.md: redact" in (folder / "report.txt").read_text()


def test_what_cannot_be_read_is_unknown_whatever_else_is_found(folder, run):
    write(folder, {"a.md": f"CPF {CPF}\n", "b.pdf": b"%PDF-1.7"})
    done = run("scan", "a.md", "b.pdf", status=3)
    assert "[document.damaged]" in done.stdout.decode()


def test_wrong_calls(folder, run):
    write(folder, {"a.md": "x"})
    for arguments, word in (
        (("scan",), "name files"),
        (("scan", "nothing"), "no such file"),
        (("scan", "a.md", "--output", "xml"), "text or json"),
        (("redact", "a.md"), "--to PLACE"),
        (("redact", "a.md", "--to", "b.md", "--in-place"), "without --to"),
        (("redact", "-", "--in-place"), "for files"),
        (("scan", "s3://"), "s3://BUCKET"),
    ):
        assert word in run(*arguments, status=2).stderr.decode()


def test_standard_input_goes_to_standard_output(folder, run):
    done = run("redact", "-", "--name", "a.csv", stdin=f"cpf;n\n{CPF};1\n".encode(), status=0)
    assert done.stdout == b"cpf;n\n[CPF];1\n"
    assert run("redact", "-", stdin=b"nada\n", status=0).stdout == b"nada\n"
    refused = run("redact", "-", stdin=SUSPECT.encode(), status=1)
    assert refused.stdout == b""
    assert b"review" in refused.stderr


def test_a_folder_is_redacted_into_another(folder, run):
    write(
        folder,
        {"in/a.md": f"CPF {CPF}\n", "in/s/b.md": "nada\n", "in/c.md": SUSPECT, f"in/ficha {CPF}.md": "x\n"},
    )
    done = run("redact", "in", "--to", "out", status=1)
    assert {
        str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*") if path.is_file()
    } == {
        "a.md",
        "s/b.md",
        "ficha [CPF].md",
    }
    assert (folder / "out/a.md").read_text() == "CPF [CPF]\n"
    assert (folder / "in/a.md").read_text() == f"CPF {CPF}\n"
    assert "in/c.md: review" in done.stdout.decode()


def test_documents_are_written_over_only_when_that_is_said(folder, run):
    write(folder, {"in/a.md": f"CPF {CPF}\n", "in/b.md": f"CPF {CPF}\n"})
    assert "--in-place" in run("redact", "in/a.md", "--to", "in/a.md", status=2).stderr.decode()
    assert "--in-place" in run("redact", "in", "--to", "in", status=2).stderr.decode()
    assert {path.name for path in (folder / "in").iterdir()} == {"a.md", "b.md"}
    assert (folder / "in/a.md").read_text() == f"CPF {CPF}\n"
    run("redact", "in/a.md", "--to", "one.md", status=0)
    assert (folder / "one.md").read_text() == "CPF [CPF]\n"
    run("redact", "in", "--in-place", status=0)
    assert (folder / "in/b.md").read_text() == "CPF [CPF]\n"
    (folder / "link.md").symlink_to("in/a.md")
    assert "link" in run("redact", "link.md", "--in-place", status=2).stderr.decode()


def test_two_documents_of_one_name_are_both_there(folder, run):
    write(folder, {"x/a.md": f"um CPF {CPF}\n", "y/a.md": f"dois CPF {CPF}\n"})
    run("redact", "x", "y", "--to", "out", status=0)
    assert sorted(path.read_text()[:2] for path in (folder / "out").iterdir()) == ["do", "um"]


def test_each_document_is_in_the_ledger_unless_none_is_wanted(folder, run):
    write(folder, {"a.md": f"CPF {CPF}\n"})
    run("scan", "a.md", "--ledger", "none", status=1)
    assert not (folder / ".guarita/ledger.db").exists()
    run("scan", "a.md", status=1)
    run("redact", "a.md", "--to", "b.md", status=0)
    with open_ledger(".guarita/ledger.db") as ledger:
        assert ledger.size == 2


def test_a_wrong_setting_is_said_with_its_place(folder, run):
    (folder / "guarita.yaml").write_text("pii: {handling: {otherwise: nothing}}\n")
    write(folder, {"a.md": "x"})
    assert "pii.handling.otherwise" in run("scan", "a.md", status=2).stderr.decode()
