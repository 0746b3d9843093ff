"""From guarita.yaml to stores and peppers, in each place that it may name."""

import os

import hvac
import msgspec
import pytest
import servers

from guarita.config.gateway_keys import ApiKeysSection
from guarita.errors import UsageError
from guarita.gateway.apikeys import manage
from guarita.gateway.apikeys.build import open_store, read_peppers
from guarita.gateway.apikeys.hashing import Pepper, parse_peppers
from guarita.gateway.apikeys.interface import StoreError

OLD, NEW = (
    "b2xkIHBlcHBlciwgYW5kIGxvbmcgZW5vdWdoIGZvciBvbmU=",
    "bmV3IHBlcHBlciwgYW5kIGxvbmcgZW5vdWdoIGZvciBvbmU=",
)


def section(store="keys.db", **pepper):
    return msgspec.convert({"store": store, "pepper": pepper or {"env": "TEST_PEPPER"}}, ApiKeysSection)


@pytest.fixture
def vault(openbao, monkeypatch):
    monkeypatch.setenv("VAULT_ADDR", openbao)
    monkeypatch.setenv("VAULT_TOKEN", servers.BAO_TOKEN)
    return hvac.Client(openbao, token=servers.BAO_TOKEN)


@pytest.mark.parametrize(
    "kind",
    ["path", "sqlite", *(pytest.param(name, marks=pytest.mark.servers) for name in ("postgres", "vault"))],
)
def test_a_key_made_in_a_configured_place_is_found_there(kind, request, tmp_path):
    place = {"path": "keys.db", "sqlite": "sqlite:///keys.db"}.get(kind)
    if kind == "postgres":
        place = request.getfixturevalue("database")
    if kind == "vault":
        request.getfixturevalue("vault")
        place = f"vault:secret/platform/{os.urandom(4).hex()}"
    peppers = parse_peppers(OLD, "here")
    store = open_store(section(place), tmp_path, create=True)
    key, record = manage.create(
        store, peppers, name="n", subject="s", environment="live", created=1.0, expires=2.0
    )
    store.close()
    again = open_store(section(place), tmp_path)
    assert again.get(key.key_id) == record
    again.close()


@pytest.mark.parametrize(
    "place", ["mysql://h/d", "vault:secret", "vault:/x", "sqlite://x", "sqlite:///", "://"]
)
def test_other_places_are_refused(place, tmp_path):
    with pytest.raises(UsageError) as caught:
        open_store(section(place), tmp_path)
    assert caught.value.code == "apikey.store"


@pytest.mark.servers
def test_a_pepper_comes_from_vault_and_both_are_good_while_it_changes(vault, tmp_path):
    path = f"pepper-{os.urandom(4).hex()}"
    vault.secrets.kv.v2.create_or_update_secret(path, {"value": OLD})
    source = section(vault=f"secret/{path}#value").pepper
    store = open_store(section(), tmp_path, create=True)

    def made(peppers):
        return manage.create(
            store, peppers, name="n", subject="s", environment="live", created=1.0, expires=2.0
        )

    first, old = made(read_peppers(source, tmp_path, timeout=10))
    vault.secrets.kv.v2.create_or_update_secret(path, {"value": f"{NEW} {OLD}"})
    both = read_peppers(source, tmp_path, timeout=10)
    second, new = made(both)
    assert both.matches(first.text, old.digest, old.pepper)
    assert both.matches(second.text, new.digest, new.pepper)
    only_new = parse_peppers(NEW, "here")
    assert only_new.matches(second.text, new.digest, new.pepper)
    assert not only_new.matches(first.text, old.digest, old.pepper)
    store.close()


@pytest.mark.servers
@pytest.mark.parametrize(
    "place", ["secret/nothing-there#value", "secret/pepper-there#other", "nomount/x#value"]
)
def test_a_pepper_that_vault_does_not_have_is_no_pepper(vault, tmp_path, place):
    vault.secrets.kv.v2.create_or_update_secret("pepper-there", {"value": OLD})
    with pytest.raises(StoreError) as caught:
        read_peppers(section(vault=place).pepper, tmp_path, timeout=10)
    assert caught.value.code == "apikey.store-unavailable"


def test_a_file_of_peppers(tmp_path):
    (tmp_path / "pepper").write_text(f"{NEW}\n{OLD}\n")
    (tmp_path / "pepper").chmod(0o600)
    peppers = read_peppers(section(file="pepper").pepper, tmp_path, timeout=1)
    assert peppers.newest == Pepper(b"new pepper, and long enough for one")
    with pytest.raises(UsageError):
        read_peppers(section(file="missing").pepper, tmp_path, timeout=1)


@pytest.mark.parametrize("pepper", [{"env": "A", "file": "b"}, {"vault": "no-field"}, {}])
def test_a_pepper_has_one_place(pepper):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"store": "keys.db", "pepper": pepper}, ApiKeysSection)
