"""`guarita gateway keys` by the real command."""

import asyncio
import json
import os
import re
import subprocess
import sysconfig
from pathlib import Path

import canaries
import pytest

from guarita import config
from guarita.gateway.apikeys.authenticator import ApiKeyError
from guarita.gateway.apikeys.build import build_authenticator
from guarita.gateway.interface import Request

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
PEPPER = "a2FuYXJpZW52b2dlbCBpbSBiZXJnd2VyayBkZXIgcGZlZmZlcg=="


class Project:
    def __init__(self, folder):
        self.folder = folder
        (folder / "guarita.yaml").write_text(
            "gateway:\n  api_keys:\n    store: sqlite:///keys.db\n    pepper: {env: TEST_PEPPER}\n"
            "    environments: [live, test]\n    max_days: 100\n"
        )

    def call(self, *words, pepper=PEPPER, ledger=None):
        return subprocess.run(
            [GUARITA, "gateway", "keys", *words], cwd=self.folder, capture_output=True, text=True, check=False,
            env={**os.environ, "TEST_PEPPER": pepper, **({"GUARITA_LEDGER": ledger} if ledger else {})},
        )  # fmt: skip

    def made(self, *words):
        done = self.call(*words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--json" in words else done.stdout.strip()

    def events(self):
        done = subprocess.run(
            [GUARITA, "audit", "query", "--json"], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    def who(self, *texts, monkeypatch):
        monkeypatch.setenv("TEST_PEPPER", PEPPER)

        async def ask():
            authenticator = build_authenticator(
                config.load(self.folder / "guarita.yaml").gateway.api_keys, self.folder
            )
            found = []
            for text in texts:
                try:
                    principal = await authenticator.authenticate(
                        Request("GET", "/", [(b"x-api-key", text.encode())])
                    )
                    found.append(principal.subject)
                except ApiKeyError as error:
                    found.append(error.audit_code)
            await authenticator.aclose()
            return found

        return asyncio.run(ask())


@pytest.fixture
def project(tmp_path):
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


def test_a_key_is_shown_once_works_and_stands_nowhere(project, monkeypatch):
    done = project.call("create", "--name", "billing", "--scope", "docs:read", "--role", "reader")
    assert done.returncode == 0, done.stderr
    text = done.stdout.strip()
    assert re.fullmatch(r"grt_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", text)
    assert text not in done.stderr
    secret = text.split("_")[3]
    kept = canaries.files(project.folder)
    assert any(name.endswith("keys.db") for name in kept)
    assert canaries.seen(secret, kept) == []
    assert canaries.seen(text, kept) == []
    listed = project.call("list")
    assert listed.returncode == 0
    assert "billing" in listed.stdout
    assert secret not in listed.stdout + listed.stderr
    assert project.who(text, monkeypatch=monkeypatch) == ["billing"]


def test_every_change_is_an_event_without_the_key(project, monkeypatch):
    first = project.made("create", "--name", "billing", "--subject", "svc", "--json")
    second = project.made("rotate", first["id"], "--overlap", "1", "--json")
    project.made("revoke", first["id"])
    project.made("revoke", first["id"])  # again is no second event
    events = project.events()
    raw = json.dumps(events)
    for made in (first, second):
        assert made["key"] not in raw
        assert made["key"].split("_")[3] not in raw
    seen = [
        (
            event["entity"]["uid"],
            event["activity_id"],
            event["unmapped"]["guarita"]["api_key"].get("replaces"),
        )
        for event in (one.get("event", one) for one in events)
        if event.get("class_uid") == 3004
    ]
    assert seen == [
        (f"api-key/{first['id']}", 1, None),
        (f"api-key/{second['id']}", 1, first["id"]),
        (f"api-key/{first['id']}", 9, None),
    ]
    answers = project.who(first["key"], second["key"], monkeypatch=monkeypatch)
    assert answers == ["apikey.revoked", "svc"]


def test_during_the_overlap_both_keys_are_good(project, monkeypatch):
    first = project.made("create", "--name", "billing", "--scope", "docs:read", "--json")
    second = project.made("rotate", first["id"], "--json")
    assert second["scopes"] == ["docs:read"]
    assert project.who(first["key"], second["key"], monkeypatch=monkeypatch) == ["billing", "billing"]
    (old,) = [key for key in project.made("list", "--json") if key["id"] == first["id"]]
    assert (old["replaced_by"], old["state"]) == (second["id"], "active")
    again = project.call("rotate", first["id"])
    assert again.returncode == 1
    assert again.stdout == ""


def test_without_an_overlap_the_old_key_ends_at_once(project, monkeypatch):
    first = project.made("create", "--name", "billing", "--json")
    second = project.made("rotate", first["id"], "--overlap", "0", "--json")
    assert project.who(first["key"], second["key"], monkeypatch=monkeypatch) == ["apikey.expired", "billing"]


def test_a_key_that_cannot_be_recorded_is_made_for_nobody(project):
    (project.folder / "broken.db").write_text("no ledger at all, and long enough to be seen as none")
    done = project.call("create", "--name", "billing", ledger=str(project.folder / "broken.db"))
    assert done.returncode != 0
    assert "grt_" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.folder / "keys.db").exists()


def test_a_key_whose_event_is_not_written_after_all_is_revoked(tmp_path):
    from guarita.audit import LedgerError, open_ledger
    from guarita.gateway.apikeys import manage
    from guarita.gateway.apikeys.hashing import Pepper, Peppers
    from guarita.gateway.apikeys.sqlite import SqliteKeyStore
    from guarita.gateway.cli.keys import _record_new

    ledger = open_ledger(str(tmp_path / "l.db"))
    store = SqliteKeyStore(tmp_path / "keys.db", timeout=5, create=True)
    _, record = manage.create(
        store,
        Peppers([Pepper(bytes(32))]),
        name="n",
        subject="s",
        environment="live",
        created=1.0,
        expires=2e9,
    )
    ledger.close()
    with pytest.raises(LedgerError):
        _record_new(ledger, store, record)
    assert store.get(record.key_id).state(5.0) == "revoked"
    store.close()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("create", "--name", ""), 2, "printable"),
        (("create", "--name", "a\x1bb"), 2, "printable"),
        (("create", "--name", "x", "--days", "101"), 2, "100 days"),
        (("create", "--name", "x", "--environment", "prod"), 2, "live, test"),
        (("revoke", "nobody"), 1, "no key"),
        (("rotate", "nobody"), 1, "no key"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(project, words, status, said):
    done = project.call(*words)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pepper_that_is_missing_is_said_without_a_value(project):
    done = project.call("create", "--name", "x", pepper="a2FuYXJpZW52b2dlbA==")
    assert done.returncode == 2
    assert "TEST_PEPPER" in done.stderr
    assert "a2FuYXJp" not in done.stderr


def test_a_pepper_file_that_others_can_read_is_refused(project):
    (project.folder / "pepper").write_text(PEPPER)
    (project.folder / "pepper").chmod(0o644)
    text = (project.folder / "guarita.yaml").read_text().replace("{env: TEST_PEPPER}", "{file: pepper}")
    (project.folder / "guarita.yaml").write_text(text)
    done = project.call("create", "--name", "x")
    assert done.returncode == 2
    assert "chmod 600" in done.stderr
    (project.folder / "pepper").chmod(0o600)
    assert project.made("create", "--name", "x").startswith("grt_live_")


def test_a_password_in_the_configuration_is_refused(project):
    text = (project.folder / "guarita.yaml").read_text()
    (project.folder / "guarita.yaml").write_text(
        text.replace("sqlite:///keys.db", "postgresql://u:kanari@h/d")
    )
    done = project.call("list")
    assert done.returncode == 2
    assert "PGPASSWORD" in done.stderr
    assert "kanari" not in done.stderr
