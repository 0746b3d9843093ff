"""Erasure: sealed values, the end of their keys on disk, crashes between the steps, proofs that still hold."""

import asyncio
import base64
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import hvac
import pytest
import servers
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.audit import LedgerCorruptError, LedgerUnavailableError, Personal, Query, events, open_ledger
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.proofs import (
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from guarita.audit.sealing import token
from guarita.errors import UsageError

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
CANARY = "Kanarienvogel da Silva"
SUBJECT = "subject-4711"
SEALED = re.compile(rb'"sealed:v1:([A-Za-z0-9_-]{22}):([A-Za-z0-9_-]+)"')


def login(subject=SUBJECT, value=CANARY, **more):
    return events.authentication(
        time=1, user=Personal(subject, value), service="gateway", success=True, **more
    )


def bytes_on_disk(folder):
    """Every file, whatever its name: the ledger, its WAL and shared memory, the keys, journals, leftovers."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def guarita(*arguments, cwd, **more):
    return subprocess.run(
        [GUARITA, "audit", *arguments],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200"} | more.pop("env", {}),
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


def users(ledger, **query):
    return [found.event.get("user", {}).get("uid") for found in ledger.query(Query(**query), reveal=True)]


@pytest.fixture
def url(tmp_path):
    return str(tmp_path / "here" / "ledger.db")


def test_personal_fields_are_sealed_on_disk_and_open_for_whoever_holds_the_keys(url):
    with open_ledger(url) as ledger:
        ledger.append(login(source=Personal(SUBJECT, "192.0.2.77")))
        ledger.append(login("another", "Bruno"))
        for name, data in bytes_on_disk(Path(url).parent).items():
            for hidden in (CANARY, "192.0.2.77", SUBJECT):
                assert hidden.encode() not in data, name
        assert users(ledger) == [CANARY, "Bruno"]
        assert users(ledger, actor=CANARY) == [CANARY]
        assert users(ledger, text="kanarienVOGEL") == [CANARY]
        assert list(ledger.query(Query(actor=CANARY))) == []
        assert not any(CANARY in json.dumps(found.event) for found in ledger.query())
    Path(url).with_name("ledger.keys.db").rename(Path(url).with_name("elsewhere"))
    with open_ledger(url, read_only=True) as ledger:
        assert users(ledger) == ["(sealed)", "(sealed)"]
        assert users(ledger, actor=CANARY) == []


@given(
    st.text(),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
)
@settings(max_examples=60, deadline=None)
def test_any_value_of_any_subject_comes_back(tmp_path_factory, subject, value, beside):
    with open_ledger(str(tmp_path_factory.mktemp("l") / "l.db")) as ledger:
        ledger.append(
            events.api_activity(
                time=1,
                operation=beside,
                actor=Personal(subject, value),
                details={"x": [Personal(subject, beside)]},
            )
        )
        (found,) = ledger.query(reveal=True)
        assert found.event["actor"]["user"]["uid"] == value
        assert found.event["unmapped"]["guarita"]["x"] == [beside]
        assert found.event["api"]["operation"] == beside


@given(st.binary(max_size=40), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_texts_that_look_like_tokens_neither_break_nor_open(tmp_path_factory, data, number):
    lookalike = (
        token.text(os.urandom(16), data) if number else f"{token.PREFIX}{'A' * 22}:{data.hex() or 'b'}"
    )
    with open_ledger(str(tmp_path_factory.mktemp("l") / "l.db")) as ledger:
        ledger.append(
            events.api_activity(time=1, operation=lookalike, actor=Personal("s", CANARY), resource=lookalike)
        )
        (found,) = ledger.query(reveal=True)
        assert found.event["actor"]["user"]["uid"] == CANARY
        assert found.event["api"]["operation"] in {"(sealed)", lookalike}


def test_a_token_opens_only_where_it_was_sealed(url):
    with open_ledger(url) as ledger:
        ledger.append(login(source=Personal(SUBJECT, "192.0.2.77")))
        (sealed,) = (leaf.body for leaf in ledger.entries())
        user, source = (match[0].decode().strip('"') for match in SEALED.finditer(sealed))
        ledger.append(events.authentication(time=1, user=user, service="gateway", success=True, source=user))
        ledger.append(events.authentication(time=1, user=user, service="elsewhere", success=True))
        swapped = (
            sealed.replace(user.encode(), b"?")
            .replace(source.encode(), user.encode())
            .replace(b"?", source.encode())
        )
        assert users(ledger) == [CANARY, "(sealed)", "(sealed)"]
        assert CANARY.encode() not in ledger.revealed(swapped)
        assert CANARY.encode() in ledger.revealed(sealed)


def test_erasing_shows_erased_and_every_earlier_proof_still_verifies(url):
    with open_ledger(url) as ledger:
        for number in range(9):
            ledger.append(login(value=f"{CANARY} {number}") if number % 3 else login("another", "Bruno"))
        nodes, size, root = Nodes(ledger.store.hashes), ledger.size, ledger.root
        leaves = list(ledger.entries())
        proofs = [inclusion_proof(nodes, index, size) for index in range(size)]
        (done,) = ledger.erase(SUBJECT)
        assert done.index == size
        assert users(ledger) == ["Bruno", "(erased)", "(erased)"] * 3 + [None]
        assert list(ledger.entries())[:size] == leaves
        for index, proof in enumerate(proofs):
            verify_inclusion(index, size, leaves[index].hash, proof, root)
        verify_consistency(
            size,
            ledger.size,
            root,
            ledger.root,
            consistency_proof(Nodes(ledger.store.hashes), size, ledger.size),
        )
        assert ledger.verify().size == size + 1
        assert ledger.erase(SUBJECT) == []
        assert ledger.erase("never seen") == []
        assert ledger.size == size + 1


def test_the_record_of_an_erasure_leads_to_nobody(url):
    with open_ledger(url) as ledger:
        ledger.append(login())
        (done,) = ledger.erase(SUBJECT)
        entry = list(ledger.entries())[-1]
        assert entry.hash.hex() == done.leaf_hash
        event = json.loads(entry.body)
        assert event["class_uid"] == 3004
        assert event["entity"] == {"name": done.key_id, "type": "subject key", "uid": done.key_id}
        assert SUBJECT.encode() not in entry.body
        # Coming back later is a new relation: a new key, with no tie to the one before.
        ledger.append(login())
        assert users(ledger) == ["(erased)", None, CANARY]
        assert ledger.erase(SUBJECT)[0].key_id != done.key_id


def wrapped_keys(url):
    connection = sqlite3.connect(Path(url).with_name("ledger.keys.db"))
    rows = connection.execute("SELECT id, key FROM subject").fetchall()
    connection.close()
    return dict(rows)


def opening_windows(folder, sealed, origin):
    """How many runs of 32 bytes in the key store's files open the entry's first sealed value."""
    raw = token._decode(SEALED.search(sealed)[2])
    bound = token.binding(origin, sealed) + bytes(4)
    found = 0
    for name, content in bytes_on_disk(folder).items():
        if name.startswith("ledger.keys"):
            for at in range(len(content) - 31):
                window = content[at : at + 32]
                # A random key repeats few bytes; most of the file is zeros.
                if len(set(window)) > 8:
                    with contextlib.suppress(InvalidTag):
                        AESGCM(window).decrypt(raw[:12], raw[12:], bound)
                        found += 1
    return found


def test_bytes_on_disk_give_the_value_back_before_erasure_and_never_after(url, tmp_path):
    folder = Path(url).parent

    with open_ledger(url) as ledger:
        ledger.append(login())
        sealed = next(ledger.entries()).body
        # Enough others for pages to split and to be rebalanced around the one that goes.
        for number in range(120):
            ledger.append(login(f"other-{number}", "x"))
        keys = wrapped_keys(url)
        (gone,) = {key for key_id, key in keys.items() if key_id == token._decode(SEALED.search(sealed)[1])}
        assert opening_windows(folder, sealed, ledger.origin) == 1
        ledger.erase(SUBJECT)
        assert opening_windows(folder, sealed, ledger.origin) == 0
        for name, content in bytes_on_disk(folder).items():
            assert gone not in content, name
            assert CANARY.encode() not in content, name
        shutil.copytree(folder, tmp_path / "copied")
        for source in ("ledger.db", "ledger.keys.db"):
            with (
                sqlite3.connect(folder / source) as one,
                sqlite3.connect(tmp_path / f"backup-{source}") as other,
            ):
                one.backup(other)
    for name, content in bytes_on_disk(tmp_path).items():
        assert gone not in content, name
        assert CANARY.encode() not in content, name


def test_deleting_many_leaves_none_of_their_keys_anywhere(url):
    with open_ledger(url) as ledger:
        for number in range(150):
            ledger.append(login(f"s-{number}", "x"))
        before = wrapped_keys(url)
        for number in range(0, 150, 2):
            ledger.erase(f"s-{number}")
        after = wrapped_keys(url)
        gone = set(before.values()) - set(after.values())
        assert len(gone) == 75
        for name, content in bytes_on_disk(Path(url).parent).items():
            assert not any(key in content for key in gone), name


CHILD = """
    import os, signal, sqlite3, sys

    left, armed = 0, False
    connect = sqlite3.connect

    def counting(*arguments, **options):
        connection = connect(*arguments, **options)
        if armed:
            connection.set_trace_callback(step)
        return connection

    def step(statement):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sqlite3.connect = counting
    from guarita.audit import open_ledger

    # One process that has imported everything makes a child for each number that it reads.
    for line in sys.stdin:
        child = os.fork()
        if not child:
            left, armed = int(line), True
            with open_ledger(sys.argv[1]) as ledger:
                ledger.erase("subject-4711")
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def eraser(url, tmp_path):
    """Erases in another process that is killed at the n-th statement of SQL; gives its exit status."""
    (tmp_path / "child.py").write_text(textwrap.dedent(CHILD))
    with subprocess.Popen(
        [sys.executable, tmp_path / "child.py", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def erase(steps):
            process.stdin.write(f"{steps}\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield erase
        process.stdin.close()


def test_killed_at_any_step_it_is_erased_or_erasable_again(url, tmp_path, eraser):
    with open_ledger(url) as ledger:
        ledger.append(login())
        ledger.append(login("another", "Bruno"))
        origin_size = ledger.size
    pristine = tmp_path / "pristine"
    shutil.copytree(Path(url).parent, pristine)
    seen = set()
    for steps in range(200):
        shutil.rmtree(Path(url).parent)
        shutil.copytree(pristine, Path(url).parent)
        done = eraser(steps)
        assert done in {0, -signal.SIGKILL}
        with open_ledger(url) as ledger:
            shown = users(ledger)
            # Never a record of an erasure that did not happen.
            seen.add((shown[0], len(shown) - origin_size))
            assert not (shown[0] == CANARY and len(shown) > origin_size)
            ledger.erase(SUBJECT)
            assert users(ledger) == ["(erased)", "Bruno", None]
            assert ledger.erase(SUBJECT) == []
            assert ledger.verify().size == origin_size + 1
        if done == 0:
            break
    else:
        pytest.fail("the child was killed at every one of 200 steps")
    assert seen == {(CANARY, 0), ("(erased)", 0), ("(erased)", 1)}


def test_a_key_store_from_a_backup_is_erased_again_from_the_log(url):
    keys = Path(url).with_name("ledger.keys.db")
    with open_ledger(url) as ledger:
        ledger.append(login())
        ledger.append(login("another", "Bruno"))
        old = keys.read_bytes()
        ledger.erase(SUBJECT)
    keys.write_bytes(old)
    with open_ledger(url) as ledger:
        # What the documentation says of old backups: they still hold the key.
        assert users(ledger) == [CANARY, "Bruno", None]
        (again,) = ledger.replay_erasures()
        assert users(ledger) == ["(erased)", "Bruno", None]
        assert again.index == 2
        assert ledger.replay_erasures() == []
        assert ledger.size == 3


def test_a_log_that_cannot_be_written_keeps_the_erasure_open_until_it_is_recorded(url):
    with open_ledger(url) as ledger:
        ledger.append(login())
        Path(url).rename(f"{url}.moved")
        with pytest.raises(Exception, match="removed or replaced"):
            ledger.erase(SUBJECT)
        Path(f"{url}.moved").rename(url)
    with open_ledger(url) as ledger:
        assert users(ledger) == ["(erased)", None]  # the gap
        assert len(ledger.erase(SUBJECT)) == 1
        assert users(ledger) == ["(erased)", None, None]  # the gap, and the erasure


@pytest.mark.parametrize("place", ["file", "env"])
def test_keys_wrapped_by_a_master_key_open_with_it_alone(url, tmp_path, monkeypatch, place):
    master = base64.b64encode(bytes(range(32))).decode()
    path = tmp_path / "master"
    path.touch(0o600)
    path.write_text(master + "\n")
    monkeypatch.setenv("SEALING", master)
    named = str(path) if place == "file" else "env:SEALING"
    with open_ledger(url, sealing_key=named) as ledger:
        ledger.append(login())
        assert users(ledger) == [CANARY]
    (kept,) = wrapped_keys(url).values()
    assert len(kept) == 12 + 32 + 16
    with open_ledger(url) as ledger:
        assert users(ledger) == ["(sealed)"]
        with pytest.raises(UsageError) as caught:
            ledger.append(login())
        assert caught.value.code == "audit.sealing-key"
        with pytest.raises(UsageError):
            ledger.erase(SUBJECT)
        assert ledger.size == 1
    with open_ledger(url, sealing_key=named) as ledger:
        ledger.erase(SUBJECT)
        assert users(ledger) == ["(erased)", None]
    assert kept not in Path(url).with_name("ledger.keys.db").read_bytes()


def test_wrong_master_keys_are_refused_with_their_place_and_nothing_else(url, tmp_path):
    short = tmp_path / "short"
    short.touch(0o600)
    short.write_text("a2FuYXJpZW4=")
    with pytest.raises(UsageError) as caught:
        open_ledger(url, sealing_key=str(short))
    assert caught.value.code == "audit.sealing-key"
    assert "a2Fu" not in str(caught.value)
    short.chmod(0o644)
    with pytest.raises(UsageError) as caught:
        open_ledger(url, sealing_key=str(short))
    assert caught.value.code == "audit.key-permissions"


def test_keys_of_another_log_are_refused(url, tmp_path):
    with open_ledger(url, origin="one") as ledger:
        ledger.append(login())
    other = tmp_path / "other" / "ledger.db"
    with open_ledger(str(other), origin="two") as ledger:
        shutil.copy(Path(url).with_name("ledger.keys.db"), other.parent)
        with pytest.raises(UsageError) as caught:
            ledger.append(login())
        assert caught.value.code == "audit.key-origin"


def test_the_key_store_is_for_its_owner_only_and_is_made_when_it_is_needed(url):
    keys = Path(url).with_name("ledger.keys.db")
    with open_ledger(url) as ledger:
        ledger.append(events.api_activity(time=1, operation="x", actor="service"))
        assert not keys.exists()
        ledger.append(login())
    assert keys.stat().st_mode & 0o777 == 0o600


def test_a_key_store_that_was_removed_is_noticed_before_anything_is_sealed(url):
    with open_ledger(url) as ledger:
        ledger.append(login())
        Path(url).with_name("ledger.keys.db").unlink()
        with pytest.raises(Exception, match="removed or replaced"):
            ledger.append(login("new", "Nova"))
        assert ledger.size == 1


def test_many_processes_seal_for_one_subject_under_one_key(url):
    child = textwrap.dedent("""
        import sys
        from guarita.audit import Personal, events, open_ledger
        with open_ledger(sys.argv[1]) as ledger:
            for n in range(10):
                ledger.append(events.user_change(time=n, user=Personal("one", sys.argv[2]), activity="enable"))
    """)
    with open_ledger(url):
        pass
    running = [subprocess.Popen([sys.executable, "-c", child, url, str(n)]) for n in range(4)]
    assert [one.wait() for one in running] == [0] * 4
    assert len(wrapped_keys(url)) == 1
    with open_ledger(url) as ledger:
        assert sorted(users(ledger)) == sorted(str(n) for n in range(4) for _ in range(10))


def test_the_command_erases_once_and_says_so(url):
    folder = Path(url).parent
    with open_ledger(url) as ledger:
        ledger.append(login())
        ledger.append(login("another", "Bruno"))
    assert CANARY in guarita("query", "--ledger", "ledger.db", cwd=folder).stdout
    done = guarita("erase", "--ledger", "ledger.db", "--json", "-", cwd=folder, input=f"{SUBJECT}\n")
    assert done.returncode == 0, done.stderr
    (erased,) = json.loads(done.stdout)["erased"]
    assert erased["index"] == 2
    again = guarita("erase", "--ledger", "ledger.db", SUBJECT, cwd=folder)
    assert again.returncode == 0
    assert "nothing to erase" in again.stderr
    assert SUBJECT not in done.stdout + done.stderr + again.stdout + again.stderr
    shown = guarita("query", "--ledger", "ledger.db", cwd=folder)
    assert "(erased)" in shown.stdout
    assert CANARY not in shown.stdout
    assert "Bruno" in guarita("query", "--ledger", "ledger.db", "--actor", "Bruno", cwd=folder).stdout
    assert guarita("erase", "--ledger", "ledger.db", "--replay", cwd=folder).returncode == 0
    assert guarita("erase", "--ledger", "ledger.db", cwd=folder).returncode == 2
    assert guarita("erase", "--ledger", "ledger.db", "-", cwd=folder, input="\n").returncode == 2
    assert guarita("verify", "--ledger", "ledger.db", cwd=folder).returncode == 0


def test_an_edited_sealed_leaf_is_still_found(url):
    with open_ledger(url) as ledger:
        ledger.append(login())
        with sqlite3.connect(url) as connection:
            body = connection.execute("SELECT bytes FROM body").fetchone()[0]
            connection.execute("UPDATE body SET bytes = ?", (SEALED.sub(b'"x"', body),))
        with pytest.raises(LedgerCorruptError):
            list(ledger.query(reveal=True))


@pytest.mark.servers
def test_keys_wrapped_by_vault_open_through_it_alone(url, tmp_path, openbao, monkeypatch):
    monkeypatch.setenv("VAULT_ADDR", openbao)
    monkeypatch.setenv("VAULT_TOKEN", servers.BAO_TOKEN)
    client = hvac.Client()
    mount = f"transit-{os.urandom(4).hex()}"
    client.sys.enable_secrets_engine("transit", path=mount)
    for name, kind in (("subjects", "aes256-gcm96"), ("other", "aes256-gcm96"), ("signing", "ed25519")):
        client.secrets.transit.create_key(name, key_type=kind, mount_point=mount)
    with open_ledger(url, sealing_key=f"vault:{mount}/subjects") as ledger:
        ledger.append(login())
        ledger.append(login("another", "Bruno"))
        assert users(ledger) == [CANARY, "Bruno"]
        client.secrets.transit.rotate_key("subjects", mount_point=mount)
        ledger.append(login("third", "Clara"))
    assert all(kept.startswith(b"vault:v") for kept in wrapped_keys(url).values())
    with open_ledger(url, sealing_key=f"vault:{mount}/subjects") as ledger:
        assert users(ledger) == [CANARY, "Bruno", "Clara"]
        ledger.erase(SUBJECT)
        assert users(ledger) == ["(erased)", "Bruno", "Clara", None]
    with open_ledger(url, sealing_key=f"vault:{mount}/other") as ledger:
        assert users(ledger)[1] == "(sealed)"
        with pytest.raises(UsageError):
            ledger.append(login("fourth", "Davi"))
    with open_ledger(str(tmp_path / "new.db"), sealing_key=f"vault:{mount}/signing") as ledger:
        with pytest.raises(UsageError) as caught:
            ledger.append(login())
        assert caught.value.code == "audit.sealing-key"
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    with open_ledger(url, sealing_key=f"vault:{mount}/subjects") as ledger:
        with pytest.raises(LedgerUnavailableError) as caught:
            ledger.append(login())
        assert caught.value.code == "audit.key-unreachable"
        assert CANARY not in f"{caught.value!r} {caught.value.__cause__} {caught.value.__context__}"
    for wrong in ("vault:transit", "vault:"):
        with pytest.raises(UsageError):
            open_ledger(url, sealing_key=wrong)


def test_a_task_that_waits_for_a_key_does_not_hold_the_event_loop(url):
    with open_ledger(url) as ledger:
        ledger.append(login())
        keys = sqlite3.connect(Path(url).with_name("ledger.keys.db"), isolation_level=None)
        # Somebody else holds the key store while a task wants a new key of it.
        keys.execute("BEGIN EXCLUSIVE")

        async def both():
            waiting = asyncio.create_task(ledger.aappend(login("new", "Nova")))
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert not waiting.done()
            await ledger.aappend(events.api_activity(time=1, operation="x", actor="service"))
            keys.execute("COMMIT")
            await waiting

        asyncio.run(both())
        keys.close()
        assert users(ledger) == [CANARY, None, "Nova"]
