"""Extraction and the ingestion task, without broker, bucket or cluster."""

import pytest

from acervo_worker import app, health, tasks
from acervo_worker.extract import Extracted, Refused, extract


def test_markdown_front_matter_gives_the_title():
    content = "---\ntitle: Política de retenção\n---\n\nGuardamos por cinco anos.".encode()
    assert extract("retencao.md", content) == Extracted("Política de retenção", "Guardamos por cinco anos.")


def test_html_leaves_scripts_out():
    page = b"<title>Guide</title><script>alert(1)</script><p>How to\n search</p>"
    assert extract("guide.html", page) == Extracted("Guide", "How to search")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("code.md", b"---\n!!python/object/apply:os.getcwd []\n---\n"),
        ("latin.md", "ç".encode("latin-1")),
        ("program.exe", b"MZ"),
    ],
)
def test_hostile_documents_are_refused(name, content):
    with pytest.raises(Refused):
        extract(name, content)


def test_ingest_writes_once_under_a_stable_id(monkeypatch):
    index = {}
    monkeypatch.setattr(tasks, "fetch", lambda key: b"# Guide")
    monkeypatch.setattr(tasks, "put", index.__setitem__)
    first = tasks.ingest("incoming/guide.md", "en", "editorial")
    assert tasks.ingest("incoming/guide.md", "en", "editorial") == first
    assert list(index) == [first]


def test_health_needs_a_recent_heartbeat(tmp_path, monkeypatch):
    beat = tmp_path / "heartbeat"
    monkeypatch.setattr(health, "HEARTBEAT", beat)
    assert not health.alive(now=0)
    beat.touch()
    assert health.alive(beat.stat().st_mtime + 59)
    assert not health.alive(beat.stat().st_mtime + 61)


def test_only_json_is_accepted():
    assert app.app.conf.accept_content == ["json"]
