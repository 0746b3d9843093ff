"""Signing keys: from a file, the environment and a real Vault; rotation on the record; what is refused."""

import os
import sqlite3
import subprocess
import sys

import hvac
import pytest
import servers

from guarita.audit import LedgerCorruptError, LedgerUnavailableError, events, open_ledger
from guarita.audit.errors import EventRefusedError
from guarita.audit.keys.chain import change_uid
from guarita.audit.keys.transit import TransitKeys
from guarita.audit.notes.ed25519 import SigningKey
from guarita.audit.notes.note import sign_note
from guarita.audit.stores.interface import RESERVED
from guarita.errors import UsageError


def fill(ledger, count=3):
    for number in range(count):
        ledger.append(events.api_activity(time=number, operation=f"call {number}", actor="a"))


@pytest.fixture
def url(tmp_path):
    return str(tmp_path / "l.db")


def test_a_key_is_made_beside_a_new_ledger_for_its_owner_only(url, tmp_path):
    with open_ledger(url) as ledger:
        fill(ledger)
        vkey = ledger.checkpoint().signed_by[0]
        assert tmp_path / "l.key" in ledger.paths()
    key = tmp_path / "l.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert SigningKey.parse(key.read_text().strip()).public.vkey == vkey
    assert sorted(path.name for path in tmp_path.glob(".*")) == []
    with open_ledger(url) as ledger:
        assert ledger.checkpoint().signed_by == [vkey]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_key_that_others_can_read_is_refused(url, tmp_path, mode):
    open_ledger(url).close()
    (tmp_path / "l.key").chmod(mode)
    with pytest.raises(UsageError) as caught:
        open_ledger(url)
    assert caught.value.code == "audit.key-permissions"
    with open_ledger(url, read_only=True):
        pass  # who reads needs no key
    (tmp_path / "l.key").chmod(0o400)
    open_ledger(url).close()


def test_a_lost_key_is_not_replaced_by_another(url, tmp_path):
    open_ledger(url).close()
    (tmp_path / "l.key").rename(tmp_path / "kept")
    with pytest.raises(UsageError) as caught:
        open_ledger(url)
    assert caught.value.code == "audit.key-missing"
    assert not (tmp_path / "l.key").exists()
    open_ledger(url, key=str(tmp_path / "kept")).close()


def test_a_ledger_that_is_gone_while_its_key_is_there_is_missed(url, tmp_path):
    with open_ledger(url) as ledger:
        fill(ledger)
    (tmp_path / "l.db").unlink()
    with pytest.raises(LedgerCorruptError) as caught:
        open_ledger(url)
    assert (caught.value.code, caught.value.index) == ("audit.ledger-gone", 0)
    assert not (tmp_path / "l.db").exists()


def test_a_key_that_is_not_the_logs_is_refused(url, tmp_path, monkeypatch):
    with open_ledger(url, origin="example.com/log") as ledger:
        fill(ledger)
    for name, code in (("example.com/log", "audit.key-unknown"), ("example.com/b", "audit.key-origin")):
        monkeypatch.setenv("OTHER", SigningKey.generate(name).encode())
        with pytest.raises(UsageError) as caught:
            open_ledger(url, key="env:OTHER")
        assert caught.value.code == code
    monkeypatch.setenv("OTHER", "PRIVATE+KEY+nonsense")
    with pytest.raises(UsageError) as caught:
        open_ledger(url, key="env:OTHER")
    assert caught.value.code == "audit.key-malformed"
    assert "nonsense" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("key", ["vault:", "vault:transit", "ftp:x", "env:", "file:"])
def test_a_key_of_no_known_kind_is_refused(url, key):
    with pytest.raises(UsageError) as caught:
        open_ledger(url, key=key)
    assert caught.value.code == "audit.key"


def test_the_environments_key_names_a_new_log(url, tmp_path, monkeypatch):
    key = SigningKey.generate("example.com/from-the-environment")
    monkeypatch.setenv("GUARITA_LEDGER_KEY", key.encode())
    with open_ledger(url) as ledger:
        fill(ledger)
        assert ledger.origin == "example.com/from-the-environment"
        assert ledger.checkpoint().signed_by == [key.public.vkey]
        with pytest.raises(UsageError) as caught:
            ledger.rotate_key()
        assert caught.value.code == "audit.key-source"
    assert not (tmp_path / "l.key").exists()


def test_processes_that_open_a_new_ledger_at_once_share_one_key(url):
    program = (
        "import sys\nfrom guarita.audit import events, open_ledger\n"
        "sys.stdin.read()\n"
        "with open_ledger(sys.argv[1]) as ledger:\n"
        "    ledger.append(events.api_activity(time=1, operation='x', actor='a'))\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6)
    ]
    for process in started:
        process.stdin.close()
    for process in started:
        assert (process.wait(), process.stderr.read()) == (0, b"")
    with open_ledger(url) as ledger:
        assert ledger.verify().size == 6
        assert len(ledger.store.verifiers()) == 1


def test_rotation_overlaps_and_is_verified_from_the_first_key(url):
    with open_ledger(url) as ledger:
        fill(ledger)
        first = ledger.checkpoint().signed_by[0]
        second = ledger.rotate_key().vkey
        assert ledger.checkpoint().signed_by == [second, first]
        fill(ledger)
    with open_ledger(url) as ledger:
        assert ledger.checkpoint().signed_by == [second, first]
        assert [one.vkey for one in ledger.retire_keys()] == [first]
        assert ledger.checkpoint().signed_by == [second]
        assert ledger.retire_keys() == []
        third = ledger.rotate_key().vkey
        fill(ledger)
    with open_ledger(url, read_only=True, vkey=first) as ledger:
        verified = ledger.verify()
        assert (verified.vkey, verified.pinned, verified.size) == (first, True, 12)
        assert ledger.checkpoints()[-1].signed_by == [third, second]
        assert [one.event["activity_id"] for one in ledger.query() if one.event["class_uid"] == 3004] == [
            1,
            9,
            1,
        ]
    # Who pins a later key does not take the word of the ones before.
    with open_ledger(url, read_only=True, vkey=third) as ledger, pytest.raises(LedgerCorruptError) as caught:
        ledger.verify()
    assert caught.value.code == "audit.signature"


def test_a_rotation_that_was_interrupted_goes_on_with_the_key_it_had_made(url, tmp_path):
    with open_ledger(url) as ledger:
        fill(ledger)
        first = ledger.checkpoint().signed_by
        ledger.signing._source.add(ledger.origin)  # killed after the key was kept, before the leaf
    kept = (tmp_path / "l.key").read_text()
    with open_ledger(url) as ledger:
        fill(ledger)
        assert ledger.checkpoint().signed_by == first
        ledger.rotate_key()
        assert (tmp_path / "l.key").read_text() == kept
        assert len(ledger.checkpoint().signed_by) == 2


def test_a_retired_key_signs_no_further_checkpoint_and_its_old_ones_hold(url, tmp_path):
    with open_ledger(url) as ledger:
        fill(ledger)
        ledger.checkpoint()
        old = (tmp_path / "l.key").read_text()
        ledger.rotate_key()
        ledger.retire_keys()
        fill(ledger)
    (tmp_path / "stolen").write_text(old)
    (tmp_path / "stolen").chmod(0o600)
    with pytest.raises(UsageError) as caught:
        open_ledger(url, key=str(tmp_path / "stolen"))
    assert caught.value.code == "audit.key-unknown"
    assert old.strip() not in (tmp_path / "l.key").read_text()
    with open_ledger(url) as ledger:
        assert ledger.verify().size == 8


def test_a_key_that_nobody_signed_for_does_not_join_the_chain(url, tmp_path):
    """Somebody who may append, but has no key, tries to bring in his own."""
    with open_ledger(url) as ledger:
        fill(ledger)
        mine = SigningKey.generate(ledger.origin)
        note = sign_note(f"guarita/ledger-key\n{ledger.origin}\nadd {mine.public.vkey}\n", [mine])
        forged = events.entity_management(
            time=1, entity=ledger.origin, kind="ledger-signing-key", activity="create", success=True,
            details={"vkey": mine.public.vkey, "note": note}, uid=change_uid("add", mine.public),
        )  # fmt: skip
        with pytest.raises(EventRefusedError) as caught:
            ledger.append(forged)
        assert caught.value.code == "audit.key"
        with pytest.raises(EventRefusedError):
            ledger.append(
                events.api_activity(time=1, operation="x", actor="a"), idempotency_key=f"{RESERVED}x"
            )
        ledger.store.add_verifier(mine.public.vkey)
        ledger._append_own(forged)
        assert mine.public not in ledger.signing.chain().keys


def test_a_signed_change_cannot_be_played_again_as_another(url):
    with open_ledger(url) as ledger:
        first = ledger.checkpoint().signed_by[0]
        ledger.rotate_key()
        chain = ledger.signing.chain()
        added = next(ledger.query()).event
        replayed = events.entity_management(
            time=1, entity=ledger.origin, kind="ledger-signing-key", activity="disable", success=True,
            details=added["unmapped"]["guarita"], uid=change_uid("retire", chain.keys[0]),
        )  # fmt: skip
        ledger._append_own(replayed)
        assert ledger.signing.chain().in_force(ledger.size) == chain.keys
        assert chain.keys[0].vkey == first


def test_an_edited_record_of_keys_is_noticed(url):
    with open_ledger(url) as ledger:
        fill(ledger)
    with sqlite3.connect(url) as connection:
        connection.execute("UPDATE verifier SET vkey = replace(vkey, '+A', '+B')")
    with pytest.raises(LedgerCorruptError) as caught:
        open_ledger(url, read_only=True)
    assert caught.value.code == "audit.key-record"


@pytest.fixture
def vault(openbao, monkeypatch):
    monkeypatch.setenv("VAULT_ADDR", openbao)
    monkeypatch.setenv("VAULT_TOKEN", servers.BAO_TOKEN)
    client = hvac.Client()
    mount = f"transit-{os.urandom(4).hex()}"
    client.sys.enable_secrets_engine("transit", path=mount)
    return client, mount


@pytest.mark.servers
def test_vault_signs_rotates_and_never_gives_the_key(url, tmp_path, vault):
    client, mount = vault
    key = f"vault:{mount}/ledger"
    with open_ledger(url, key=key, origin="example.com/log") as ledger:
        fill(ledger)
        first = ledger.checkpoint().signed_by
        second = ledger.rotate_key().vkey
        fill(ledger)
        assert ledger.checkpoint().signed_by == [second, *first]
    client.secrets.transit.rotate_key("ledger", mount_point=mount)  # by somebody else, not on the record
    with open_ledger(url, key=key) as ledger:
        fill(ledger)
        assert ledger.checkpoint().signed_by == [second, *first]
        third = ledger.rotate_key().vkey
        assert client.secrets.transit.read_key("ledger", mount_point=mount)["data"]["latest_version"] == 3
        ledger.retire_keys()
        assert ledger.checkpoint().signed_by == [third]
    with open_ledger(url, read_only=True, vkey=first[0]) as ledger:
        assert ledger.verify().pinned
    assert list(tmp_path.glob("*.key")) == []


@pytest.mark.servers
def test_vault_gone_delays_no_append_and_is_told_at_the_close(tmp_path, monkeypatch):
    monkeypatch.setenv("VAULT_TOKEN", servers.BAO_TOKEN)
    url = str(tmp_path / "l.db")
    with servers.openbao(tmp_path) as (address, process):
        monkeypatch.setenv("VAULT_ADDR", address)
        hvac.Client().sys.enable_secrets_engine("transit")
        ledger = open_ledger(url, key="vault:transit/ledger", checkpoint_every=2)
        fill(ledger, 1)
        process.kill()
        process.wait()
        fill(ledger, 9)
        with pytest.raises(LedgerUnavailableError) as caught:
            ledger.close()
        assert caught.value.code == "audit.key-unreachable"
        assert servers.BAO_TOKEN not in f"{caught.value!r} {caught.value.__cause__}"
    with open_ledger(url, read_only=True) as ledger:
        assert ledger.size == 10


@pytest.mark.servers
def test_a_key_of_another_kind_in_vault_is_refused(vault):
    client, mount = vault
    client.secrets.transit.create_key("rsa", key_type="rsa-2048", mount_point=mount)
    with pytest.raises(UsageError) as caught:
        TransitKeys(mount, "rsa").load("o")
    assert caught.value.code == "audit.key-malformed"
    monkey = TransitKeys(mount, "x", hvac.Client(url=client.url, token="wrong"))
    with pytest.raises(LedgerUnavailableError):
        monkey.load("o")
