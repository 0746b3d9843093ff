"""Documents on a real Redis by real Celery workers that are killed in mid-document: nothing lost, nothing said twice."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis as client
import redisserver
from canaries import files, seen

from guarita.audit import Query, open_ledger
from guarita.errors import GuaritaError, UsageError
from guarita.pii.worker import make_app, submit

CPF = "529.982.247-25"
SUPPORT = Path(__file__).parents[1] / "support"
LONG = "linha sem nada\n" * 200_000


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with redisserver.redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def place(tmp_path, redis, monkeypatch):
    """A project with documents, whose queue is empty."""
    (tmp_path / "guarita.yaml").write_text(
        "pii:\n  names: 'off'\n  reading: {workers: 1}\n"
        "  queue: {roots: [docs], output: out, attempts: 2, visibility_seconds: 10}\n"
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "flags").mkdir()
    monkeypatch.setenv("GUARITA_BROKER_URL", redis.url)
    monkeypatch.setenv("GUARITA_CONFIG", str(tmp_path / "guarita.yaml"))
    client.Redis.from_url(redis.url).flushall()
    return tmp_path


@contextlib.contextmanager
def worker(place, module="deadlyworker"):
    with (place / "worker.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", module, "worker", "-c", "1", "-l", "debug", "--without-gossip",
             "--without-mingle", "--without-heartbeat"],
            cwd=place, stdout=log, stderr=log, start_new_session=True,
            env=dict(os.environ, PYTHONPATH=str(SUPPORT), FLAGS=str(place / "flags"), C_FORCE_ROOT="1"),
        )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def put(place, app, *names, text=f"CPF {CPF}\n", redact=False):
    for name in names:
        (place / "docs" / name).write_text(text + name)
        submit(app, str(place / "docs" / name), path=place / "guarita.yaml", tenant="acme", redact=redact)


def events(place):
    path = place / ".guarita/ledger.db"
    if not path.exists():
        return []
    try:
        with open_ledger(str(path), read_only=True) as ledger:
            return [found.event for found in ledger.query(Query())]
    except GuaritaError:
        # Somebody is making it.
        return []


def wait_for(place, count, *, seconds=90):
    until = time.monotonic() + seconds
    while len(events(place)) < count:
        assert time.monotonic() < until, (place / "worker.log").read_text()[-3000:]
        time.sleep(0.2)


def test_documents_are_checked_redacted_and_recorded_once_however_often_they_come(place):
    app = make_app(place / "guarita.yaml")
    put(place, app, "a.md", redact=True)
    put(place, app, "a.md", redact=True)
    put(place, app, "last.md")
    with worker(place, "guarita.pii.worker"):
        wait_for(place, 2)
    one, two = events(place)
    assert [event["unmapped"]["guarita"]["tenant"] for event in (one, two)] == ["acme", "acme"]
    (written,) = (place / "out").iterdir()
    assert written.read_text() == "CPF [CPF]\na.md"
    assert written.name == one["resources"][0]["uid"] + ".md"


def test_a_killed_worker_loses_nothing_and_reports_nothing_twice(place):
    app = make_app(place / "guarita.yaml")
    put(place, app, "once.md", text=f"CPF {CPF}\n{LONG}")
    put(place, app, "after.md")
    with worker(place):
        wait_for(place, 2)
    assert (place / "flags/once.md").exists()
    assert len({event["resources"][0]["uid"] for event in events(place)}) == 2


def test_a_machine_that_dies_leaves_its_document_to_another(place, redis):
    app = make_app(place / "guarita.yaml")
    put(place, app, "crash.md", text=f"CPF {CPF}\n{LONG}")
    with worker(place) as first:
        first.wait(60)
    assert events(place) == []
    # A broker of Redis gives out again what was not acknowledged for visibility_seconds, when a worker starts and
    # every hundred seconds.
    time.sleep(11)
    with worker(place):
        wait_for(place, 1)
    assert len(events(place)) == 1


def test_a_document_that_kills_who_reads_it_is_put_into_quarantine(place):
    app = make_app(place / "guarita.yaml")
    put(place, app, "poison.md", text=f"CPF {CPF}\n{LONG}")
    put(place, app, "good.md")
    with worker(place):
        wait_for(place, 2)
        time.sleep(1)
    reasons = sorted(json.dumps(event["unmapped"]["guarita"]["reasons"]) for event in events(place))
    assert reasons == ['["pii.quarantined"]', '["pii.rule"]']
    (quarantined,) = [event for event in events(place) if event["finding_info"]["types"] == ["block"]]
    assert quarantined["unmapped"]["guarita"]["attempts"] == 2


def test_a_broker_that_was_away_is_found_again_and_nothing_personal_is_on_it(place, redis):
    app = make_app(place / "guarita.yaml")
    name = f"ficha {CPF}.md"
    put(place, app, name)
    connection = client.Redis.from_url(redis.url)
    queued = b"".join(connection.lrange("guarita-pii", 0, -1))
    assert queued
    assert seen(CPF, {"queue": queued}) == []
    with worker(place):
        wait_for(place, 1)
        redis.kill()
        time.sleep(1)
        redis.start()
        put(place, app, "later.md")
        wait_for(place, 2)
        dump = b"".join(connection.dump(key) or b"" for key in connection.scan_iter())
    (place / "docs" / name).unlink()
    (place / "docs" / "later.md").unlink()
    left_behind = files(place) | {"redis": dump}
    assert seen(CPF, left_behind) == []


def test_references_elsewhere_are_refused(place, tmp_path):
    from guarita.pii.queue.desk import Desk
    from guarita.pii.worker import settings

    section, folder = settings(place / "guarita.yaml")
    desk = Desk(section, folder, None, None, None)
    (place / "docs" / "link.md").symlink_to("/etc/hostname")
    for reference in (
        "/etc/passwd",
        f"{place}/docs/../guarita.yaml",
        f"{place}/docs/link.md",
        "s3://other/key",
    ):
        with pytest.raises(UsageError) as caught:
            desk._item(reference)
        assert caught.value.code == "pii.reference"
    assert desk._item(f"{place}/docs/a.md")
