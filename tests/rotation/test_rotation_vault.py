"""The Vault client against a real OpenBao: `cas`, lost answers, time, and errors that reveal nothing."""

import contextlib
import socket
import threading
import time
from pathlib import Path

import lossy
import pytest
import servers
from rotating import vault_at

from guarita.config.rotation import TokenLogin, VaultSection
from guarita.config.sinks import SecretSource
from guarita.rotation.errors import TransientError
from guarita.rotation.vault import CasMissError, Kv
from guarita.rotation.vault.login import connect

pytestmark = pytest.mark.servers


@pytest.fixture
def relay(bao):
    relay = lossy.Lossy(int(bao.rpartition(":")[2]))
    yield relay
    relay.close()


def test_a_write_names_the_version_that_it_follows(kv, place):
    assert kv.get(place) is None
    first = kv.put(place, {"a": "1"}, cas=0)
    assert (first.version, first.data) == (1, {"a": "1"})
    with pytest.raises(CasMissError) as missed:
        kv.put(place, {"a": "2"}, cas=0)
    assert missed.value.version == 1
    assert kv.put(place, {"a": "2"}, cas=1).version == 2
    assert kv.get(place, 1).data == {"a": "1"}
    assert kv.versions(place) == {1: True, 2: True}


def test_the_same_write_again_finds_itself(kv, place):
    kv.put(place, {"a": "1"}, cas=0)
    assert kv.put(place, {"a": "1"}, cas=0).version == 1
    assert kv.get(place).version == 1


def test_what_is_destroyed_has_a_version_and_no_data(kv, place):
    kv.put(place, {"a": "1"}, cas=0)
    kv.destroy(place, [1])
    kv.destroy(place, [1])
    there = kv.get(place)
    assert (there.version, there.data) == (1, None)
    assert kv.versions(place) == {1: False}
    kv.forget(place)
    assert kv.get(place) is None


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_write_whose_answer_is_lost_is_done_once(relay, place, when):
    kv = Kv(vault_at(f"http://127.0.0.1:{relay.port}"))
    assert kv.get(place) is None
    relay.cut(place.encode(), when)
    assert kv.put(place, {"a": "1"}, cas=0).version == 1
    assert kv.get(place).version == 1


def test_the_time_is_the_servers(vault):
    assert abs(vault.now() - time.time()) < 3
    assert vault.requests == 1
    vault.now()
    assert vault.requests == 1


def test_a_token_that_ended_is_asked_for_again(bao, place):
    tokens = iter(["ended", servers.BAO_TOKEN])
    vault = vault_at(bao)
    vault._login = lambda client: setattr(client, "token", next(tokens))
    assert Kv(vault).get(place) is None


def test_no_error_quotes_the_request(bao, relay, place):
    with pytest.raises(TransientError) as refused:
        Kv(vault_at(bao, token="canary-5e1d")).put(place, {"a": "canary-9f3b"}, cas=0)
    assert refused.value.code == "vault.forbidden"
    relay.refusing = True
    with pytest.raises(TransientError) as unreachable:
        Kv(vault_at(f"http://127.0.0.1:{relay.port}")).get(place)
    assert unreachable.value.code == "vault.unreachable"
    for error in (refused.value, unreachable.value):
        assert "canary" not in f"{error!r}{error.message}{error.hint}{error.__cause__}"
        assert error.__suppress_context__


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Endless: ",
    ],
    ids=["body", "head"],
)
def test_a_server_that_sends_a_byte_at_a_time_is_given_up(head):
    def drip(listener):
        client, _ = listener.accept()
        client.recv(65536)
        client.sendall(head)
        with contextlib.suppress(OSError):
            while True:
                client.sendall(b" ")
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        section = VaultSection(
            address=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=1,
            login=TokenLogin(token=SecretSource(env="PATH")),
        )  # fmt: skip
        vault = connect(section, Path(), lambda _: "")
        with pytest.raises(TransientError) as slow:  # the whole would take longer than a test may
            vault.read("secret/data/a")
        assert slow.value.code == "vault.unreachable"
        vault.close()


ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{"data": {"keys": ["all"]}}'


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        *((ANSWER[:end], "vault.unreachable") for end in (0, 12, 20, 40, 60, len(ANSWER) - 1)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>", "vault.not-vault"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "vault.not-vault"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "vault.unreachable"),
    ],
)
def test_half_an_answer_is_none_and_never_an_empty_one(answer, code):
    def cut(listener):
        while True:
            client, _ = listener.accept()
            client.recv(65536)
            client.sendall(answer)
            client.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=cut, args=(listener,), daemon=True).start()
        section = VaultSection(
            address=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=2,
            login=TokenLogin(token=SecretSource(env="PATH")),
        )  # fmt: skip
        vault = connect(section, Path(), lambda _: "")
        with pytest.raises(TransientError) as caught:
            Kv(vault).names("secret/a")
        assert caught.value.code == code
        vault.close()
