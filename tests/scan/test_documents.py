"""The documents scanner by the command and by its seam: what is found, never shown, and what is refused."""

import base64
import hashlib
import io
import os
import signal
import threading
import zipfile
from pathlib import Path

import docx
import pytest

from guarita.pii.reading import Reader, reader
from guarita.policy.gate.coverage import FileStatus
from guarita.scan.interface import ScanJob, ScannerError, Snapshot, TreeFile
from guarita.scan.scanners.documents import reading as documents
from guarita.scan.scanners.documents.scanner import DocumentsScanner

# Invented values with right check digits.
CPF = "529.982.247-25"
CARD = "4539 1488 0343 6467"
MAIL = "helena.prado@correios.net.br"
PHONE = "(21) 99812-3456"
VALUES = [CPF, "52998224725", CARD, "4539148803436467", MAIL, PHONE, "998123456"]


def word(text):
    document = docx.Document()
    document.add_paragraph(text)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def archive(entries):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return target.getvalue()


def test_documents_fail_the_gate_and_show_no_value(repository):
    repository.commit(
        {
            "docs/a.md": f"Leitor: CPF {CPF}, celular {PHONE}\n",
            "docs/b.csv": f"nome;cartao\nx;{CARD}\n",
            "docs/c.html": f'<a href="mailto:{MAIL}">escreva</a>\n',
            "docs/d.docx": word(f"CPF {CPF}"),
        }
    )
    scan = repository.scan(scanners=("documents",))
    assert scan.status == 1
    assert scan.rules() == ["PII_CPF", "PII_CPF", "PII_CREDIT_CARD", "PII_EMAIL", "PII_PHONE"]
    places = {(f["location"]["path"], f["location"]["line"], f["location"]["label"]) for f in scan.findings()}
    assert ("docs/a.md", 1, "") in places
    assert ("docs/b.csv", 2, "row 2, column B") in places
    assert ("docs/d.docx", 0, "body, paragraph 1") in places
    assert all(f["snippet"] == [] for f in scan.findings())
    shown = scan.text + scan.raw
    for value in VALUES:
        assert value not in shown
        for algorithm in ("md5", "sha1", "sha256"):
            assert hashlib.new(algorithm, value.encode()).hexdigest()[:16] not in shown
        assert base64.b64encode(value.encode()).decode() not in shown


def test_a_message_says_what_where_and_why(repository):
    repository.commit({"a.md": f"CPF {CPF}\n", "b.md": "CPF 529.982.247-26\n"})
    good, suspect = sorted(
        repository.scan("--fail-on", "low", scanners=("documents",)).findings(),
        key=lambda f: f["location"]["path"],
    )
    assert "line 1" in good["message"]
    assert "check digits valid, label beside it" in good["message"]
    assert good["confidence"] == "high"
    assert suspect["message"].startswith("What is labelled as")
    assert suspect["confidence"] == "low"


def test_a_fingerprint_survives_moves_and_renames(repository):
    repository.commit({"a.md": f"Titular: CPF {CPF}\n"})
    first = repository.scan(scanners=("documents",)).findings()[0]["fingerprint"]
    (repository.root / "a.md").unlink()
    repository.commit({"b/z.md": f"\n\n\n  Titular:   CPF {CPF}\n"})
    assert repository.scan(scanners=("documents",)).findings()[0]["fingerprint"] == first


def test_hostile_documents_leave_the_answer_unknown_and_the_others_judged(repository):
    bomb = archive({"word/document.xml": "<a/>", "word/x.xml": b" " * (64 << 20)})
    repository.commit(
        {
            "bomb.docx": bomb,
            "damaged.docx": word("x")[:900],
            "binary.md": b"text \0 text",
            "encrypted.xlsx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "good.md": f"CPF {CPF}\n",
        }
    )
    scan = repository.scan(scanners=("documents",))
    assert scan.status == 3
    for name in ("bomb.docx", "damaged.docx", "binary.md", "encrypted.xlsx"):
        assert scan.file(name)["status"] == "unparseable"
        assert scan.file(name)["reason"]
    assert scan.file("good.md")["status"] == "scanned"
    assert scan.rules() == ["PII_CPF"]


def test_what_is_no_document_is_not_claimed(repository):
    text = "Jane Roe <jane.roe@correios.net.br>\n"
    repository.commit({"LICENSE.txt": text, "requirements-dev.txt": text, "LICENSE.md": text, "a.md": "x\n"})
    scan = repository.scan(scanners=("documents",))
    assert scan.status == 0
    assert scan.file("LICENSE.txt")["status"] == "excluded"
    assert scan.file("a.md")["status"] == "scanned"


def job(tmp_path, contents, **changes):
    """A job over staged files, as the runner makes it."""
    stage = tmp_path / "stage"
    stage.mkdir()
    files = []
    for name, content in contents.items():
        staged = stage / name
        staged.write_bytes(content)
        files.append(
            TreeFile(
                path=name,
                size=len(content),
                digest=hashlib.sha256(content).hexdigest(),
                staged=staged,
                head=content[:8192],
            )
        )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    options = {"jobs": 1, "timeout": 120.0, "scratch": scratch, "stop": threading.Event(), **changes}
    return ScanJob(Snapshot(stage, files, "0" * 64), files, **options)


def test_a_name_and_a_head_decide_what_is_claimed():
    def file(name, head=b""):
        return TreeFile(path=name, size=len(head), digest="", staged=Path("x"), head=head)

    claims = DocumentsScanner().claims
    assert all(
        claims(file(f"d/a{e}"))
        for e in (".md", ".rst", ".txt", ".html", ".csv", ".jsonl", ".PDF", ".docx", ".ods")
    )
    assert claims(file("contract", b"%PDF-1.7"))
    assert claims(file("blob", archive({"[Content_Types].xml": "x"})[:8192]))
    assert not any(claims(file(name)) for name in ("a.py", "a.yaml", "requirements.txt", "LICENSE", "a.png"))


def signalled(monkeypatch, number):
    """Send a signal to the process that reads, when it is about to read the first (and largest) document."""
    original, sent = Reader.read, []

    def read(self, order, *arguments, **options):
        if not sent:
            self.start()
            sent.append(self.pid)
            os.kill(self.pid, number)
        return original(self, order, *arguments, **options)

    monkeypatch.setattr(Reader, "read", read)
    return sent


def test_a_document_that_kills_its_reader_is_alone_unknown(tmp_path, monkeypatch):
    sent = signalled(monkeypatch, signal.SIGKILL)
    result = DocumentsScanner().scan(
        job(tmp_path, {"deadly.md": b"x" * 99, "good.md": f"CPF {CPF}".encode()})
    )
    assert sent
    assert result.outcomes["deadly.md"].status is FileStatus.UNPARSEABLE
    assert "signal 9" in result.outcomes["deadly.md"].reason
    assert result.outcomes["good.md"].status is FileStatus.SCANNED
    assert [f.rule for f in result.findings] == ["PII_CPF"]


def test_a_document_that_hangs_its_reader_is_alone_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "FILE_TIMEOUT", 3.0)
    sent = signalled(monkeypatch, signal.SIGSTOP)
    result = DocumentsScanner().scan(job(tmp_path, {"hangs.md": b"x" * 99, "good.md": f"CPF {CPF}".encode()}))
    assert sent
    assert result.outcomes["hangs.md"].status is FileStatus.UNPARSEABLE
    assert result.outcomes["good.md"].status is FileStatus.SCANNED


def test_a_reader_that_cannot_start_is_the_scanners_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "WORKER", "guarita.pii.reading.nothing")
    with pytest.raises(ScannerError) as caught:
        DocumentsScanner().scan(job(tmp_path, {"a.md": b"x"}))
    assert caught.value.code == "scanner.crashed"


def test_a_stopped_run_ends(tmp_path):
    stop = threading.Event()
    stop.set()
    with pytest.raises(ScannerError) as caught:
        DocumentsScanner().scan(job(tmp_path, {"a.md": b"x"}, stop=stop))
    assert caught.value.code == "scanner.stopped"


def test_a_large_text_is_read_to_its_end(tmp_path):
    # 100 MB, under the reader's own bound on memory.
    line = b"uma linha de texto que nao tem nada de pessoal e que se repete muitas vezes\n"
    content = line * (100_000_000 // len(line)) + f"CPF {CPF}".encode()
    result = DocumentsScanner().scan(job(tmp_path, {"big.txt": content}))
    assert result.outcomes["big.txt"].status is FileStatus.SCANNED
    assert [(f.rule, f.location.line) for f in result.findings] == [("PII_CPF", content.count(b"\n") + 1)]
