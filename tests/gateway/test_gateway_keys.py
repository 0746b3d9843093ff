"""API keys: their look, their hashes, and who is let in by one."""

import asyncio
import re
import threading
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.errors import UsageError
from guarita.gateway.apikeys import form, manage
from guarita.gateway.apikeys.authenticator import ApiKeyAuthenticator, ApiKeyError
from guarita.gateway.apikeys.hashing import Pepper, Peppers, parse_peppers
from guarita.gateway.apikeys.interface import StoreError
from guarita.gateway.apikeys.sqlite import SqliteKeyStore
from guarita.gateway.interface import RepeatedHeaderError, Request
from guarita.gateway.refusal import RefusalError

PEPPERS = Peppers([Pepper(bytes(range(32)))])
ENVIRONMENTS = st.from_regex(r"[a-z][a-z0-9]{1,11}", fullmatch=True)
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@given(ENVIRONMENTS)
def test_a_key_reads_back_and_a_scanner_finds_it_in_any_text(environment):
    key = form.generate(environment)
    assert form.parse(key.text) == key
    found = re.findall(rf"\b{form.PATTERN}\b", f'curl -H "X-API-Key: {key.text}" https://example.com')
    assert found == [key.text]
    assert key.text not in repr(key)
    body, check = key.text[:-6], key.text[-6:]
    number = 0
    for letter in check:
        number = number * 62 + LETTERS.index(letter)
    assert number == zlib.crc32(body.encode())


@given(ENVIRONMENTS, st.data())
def test_one_wrong_letter_makes_it_no_key(environment, data):
    text = form.generate(environment).text
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from(LETTERS).filter(lambda letter: letter != text[at]))
    with pytest.raises(form.MalformedKeyError):
        form.parse(text[:at] + letter + text[at + 1 :])


@given(st.text(max_size=100))
def test_other_texts_are_no_keys(text):
    with pytest.raises(form.MalformedKeyError):
        form.parse(text)


def test_a_line_end_after_a_key_is_not_part_of_it():
    with pytest.raises(form.MalformedKeyError):
        form.parse(form.generate("live").text + "\n")


def test_a_digest_hangs_on_key_and_pepper():
    one, other = Pepper(b"1" * 32), Pepper(b"2" * 32)
    key, another = form.generate("live").text, form.generate("live").text
    both = Peppers([one, other])
    for pepper in (one, other):
        assert both.matches(key, pepper.digest(key), pepper.name)
        assert not both.matches(another, pepper.digest(key), pepper.name)
    assert not both.matches(key, one.digest(key), other.name)
    assert not Peppers([one]).matches(key, other.digest(key), other.name)
    assert not both.matches(key, one.digest(key), "")
    assert "1111" not in repr(one)


@pytest.mark.parametrize("text", ["", "   ", "short", "a" * 43, "=" * 44, "MTIz", "MTIz" * 10, "é" * 44])
def test_a_weak_pepper_is_refused_and_not_shown(text):
    if text == "MTIz" * 10:
        text += " MTIz"  # one of two is too short
    with pytest.raises(UsageError) as caught:
        parse_peppers(text, "$PEPPER")
    assert caught.value.code == "apikey.pepper"
    assert not text.strip() or text not in caught.value.message


class Clock:
    def __init__(self):
        self.at = 1_000_000.0

    def __call__(self):
        return self.at


class Counted(SqliteKeyStore):
    """A real store that counts what it is asked, and can be told to fail or to hang."""

    asked, written, failing = 0, 0, False

    def __init__(self, path):
        super().__init__(path, timeout=5, create=True)
        self.let = threading.Event()
        self.let.set()

    def get(self, key_id):
        self.asked += 1
        self.let.wait(30)
        if self.failing:
            raise StoreError("here", "it was told to")
        return super().get(key_id)

    def used(self, uses):
        self.written += 1
        if self.failing:
            raise StoreError("here", "it was told to")
        super().used(uses)


class Door:
    """An authenticator on a real store, with a clock to turn."""

    def __init__(self, folder, **options):
        self.now = Clock()
        self.store = Counted(folder / "keys.db")
        self.authenticator = ApiKeyAuthenticator(
            self.store, PEPPERS, now=self.now, clock=self.now, **{"cache_seconds": 30, **options}
        )

    def make(self, **options):
        return manage.create(
            self.store, PEPPERS,
            **{"name": "batch", "subject": "svc", "environment": "live", "created": self.now.at,
               "expires": self.now.at + 3600, "scopes": ["docs:read"], "roles": ["reader"], **options},
        )  # fmt: skip

    async def ask(self, *headers):
        return await self.authenticator.authenticate(Request("GET", "/", headers))

    async def read_again(self):
        """Wait until the store has answered what is asked beside the requests."""
        await asyncio.wait(set(self.authenticator._cache._reading.values()))
        await asyncio.sleep(0)

    async def key(self, text):
        return await self.ask((b"x-api-key", text.encode()))

    async def reason(self, text):
        with pytest.raises(ApiKeyError) as caught:
            await self.key(text)
        assert (caught.value.code, caught.value.status) == ("apikey.refused", 401)
        assert not text or text not in f"{caught.value!r} {caught.value.message} {caught.value.hint}"
        return caught.value.audit_code


@pytest.fixture
def run(tmp_path):
    """Runs a test's coroutine with a door, which is closed after it."""

    def running(body, **options):
        async def whole():
            door = Door(tmp_path, **options)
            try:
                await body(door)
            finally:
                door.store.let.set()
                await door.authenticator.aclose()

        asyncio.run(whole())

    return running


def test_a_key_names_its_principal_in_either_header(run):
    async def body(door):
        key, record = door.make()
        for headers in (
            [(b"x-api-key", key.text.encode())],
            [(b"authorization", b"ApiKey " + key.text.encode())],
            [(b"authorization", b"apikey " + key.text.encode())],
        ):
            principal = await door.ask(*headers)
            assert (principal.subject, principal.issuer, principal.credential_id) == (
                "svc",
                "api-key",
                key.key_id,
            )
            assert (principal.scopes, principal.roles) == ({"docs:read"}, {"reader"})
            assert (principal.expires, principal.authenticator) == (record.expires, "api-key")
            assert key.text not in repr(principal) + repr(record)

    run(body)


def test_what_is_no_api_key_is_not_ours(run):
    async def body(door):
        for headers in ([], [(b"authorization", b"Bearer x.y.z")], [(b"authorization", b"ApiKeys x")]):
            assert await door.ask(*headers) is None

    run(body)


def test_a_repeated_or_doubled_key_is_refused(run):
    async def body(door):
        text = door.make()[0].text.encode()
        with pytest.raises(RepeatedHeaderError):
            await door.ask((b"x-api-key", text), (b"x-api-key", text))
        with pytest.raises(RepeatedHeaderError):
            await door.ask((b"authorization", b"ApiKey " + text), (b"authorization", b"ApiKey " + text))
        with pytest.raises(RefusalError) as caught:
            await door.ask((b"x-api-key", text), (b"authorization", b"ApiKey " + text))
        assert (caught.value.code, caught.value.status) == ("apikey.two-credentials", 400)

    run(body)


def test_the_client_learns_one_code_and_the_ledger_the_reason(run):
    async def body(door):
        key, _ = door.make()
        foreign = Peppers([Pepper(b"another pepper of thirty-two byte")])
        revoked, expired = door.make()[0], door.make(expires=door.now.at)[0]
        door.store.revoke(revoked.key_id, door.now.at)
        body, last = key.text[:-7], key.text[-7]
        forged = body + ("a" if last != "a" else "b")
        assert await door.reason(forged + form.checksum(forged)) == "apikey.wrong-secret"
        assert await door.reason(key.text[:-1] + ("a" if key.text[-1] != "a" else "b")) == "apikey.checksum"
        assert await door.reason(form.generate("live").text) == "apikey.unknown"
        assert await door.reason(form.generate("test").text) == "apikey.environment"
        assert await door.reason(revoked.text) == "apikey.revoked"
        assert await door.reason(expired.text) == "apikey.expired"
        assert await door.reason(manage.create(
            door.store, foreign, name="n", subject="s", environment="live", created=0, expires=2e9
        )[0].text) == "apikey.wrong-secret"  # fmt: skip
        for text in ("", "x", key.text + "x", "é", " " + key.text, key.text * 50):
            assert await door.reason(text) == "apikey.malformed"

    run(body)


def test_a_malformed_or_mistyped_key_costs_the_store_nothing(run):
    async def body(door):
        text = door.make()[0].text
        for wrong in ("x" * 71, text[:-1] + ("0" if text[-1] != "0" else "1")):
            await door.reason(wrong)
        assert door.store.asked == 0

    run(body)


def test_a_known_key_asks_once_and_its_revocation_is_seen_within_the_bound(run):
    async def body(door):
        key, _ = door.make()
        for _ in range(20):
            assert await door.key(key.text)
        assert door.store.asked == 1
        door.store.revoke(key.key_id, door.now.at)
        door.now.at += 30
        assert await door.reason(key.text) == "apikey.revoked"

    run(body)


def test_a_key_in_use_is_read_again_beside_the_requests(run):
    async def body(door):
        key, _ = door.make()
        await door.key(key.text)
        door.store.revoke(key.key_id, door.now.at)
        door.now.at += 16
        assert await door.key(key.text)
        await door.read_again()
        assert await door.reason(key.text) == "apikey.revoked"

    run(body)


def test_an_expiry_needs_no_store(run):
    async def body(door):
        key, record = door.make(expires=door.now.at + 10)
        assert await door.key(key.text)
        door.now.at = record.expires
        assert await door.reason(key.text) == "apikey.expired"
        assert door.store.asked == 1

    run(body)


def test_during_an_outage_known_keys_go_on_for_the_bound_and_then_nobody_is_let_in(run):
    async def body(door):
        key, _ = door.make()
        await door.key(key.text)
        door.store.failing = True
        door.now.at += 29.9
        assert await door.key(key.text)
        await door.read_again()
        door.now.at += 2
        with pytest.raises(StoreError) as caught:
            await door.key(key.text)
        assert (caught.value.status, caught.value.code) == (503, "apikey.store-unavailable")
        asked = door.store.asked
        with pytest.raises(StoreError):  # a moment later nobody waits for it again
            await door.key(form.generate("live").text)
        assert door.store.asked == asked
        door.store.failing = False
        door.now.at += 2
        assert await door.key(key.text)

    run(body)


def test_a_store_that_hangs_stops_nobody_who_is_known(run):
    async def body(door):
        known, fresh = door.make()[0], door.make()[0]
        await door.key(known.text)
        door.store.let.clear()
        with pytest.raises(StoreError):
            await door.key(fresh.text)
        assert await door.key(known.text)

    run(body, timeout=0.05)


def test_many_requests_with_a_new_key_ask_once(run):
    async def body(door):
        key, _ = door.make()
        door.store.let.clear()
        asking = [asyncio.ensure_future(door.key(key.text)) for _ in range(50)]
        await asyncio.sleep(0.05)
        asking[0].cancel()  # one that leaves takes nobody along
        door.store.let.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert {answer.subject for answer in answers[1:]} == {"svc"}
        assert door.store.asked == 1

    run(body)


def test_a_flood_of_invented_ids_drives_out_no_known_key(run):
    async def body(door):
        key, _ = door.make()
        await door.key(key.text)
        for _ in range(30):
            await door.reason(form.generate("live").text)
        asked = door.store.asked
        assert await door.key(key.text)
        assert door.store.asked == asked

    run(body)


def test_an_unknown_id_is_remembered_for_a_moment_only(run):
    async def body(door):
        key = form.generate("live")
        for _ in range(3):
            assert await door.reason(key.text) == "apikey.unknown"
        assert door.store.asked == 1
        door.now.at += 5
        assert await door.reason(key.text) == "apikey.unknown"
        assert door.store.asked == 2

    run(body)


def test_last_use_is_to_the_hour_and_written_once(run):
    async def body(door):
        key, _ = door.make(expires=door.now.at + 1e6)
        for _ in range(5):
            await door.key(key.text)
        await door.authenticator._uses.flush()
        assert door.store.get(key.key_id).last_used == int(door.now.at) // 3600 * 3600
        door.now.at += 100
        await door.key(key.text)
        await door.authenticator._uses.flush()
        assert door.store.written == 1
        door.now.at += 3600
        await door.key(key.text)
        await door.authenticator._uses.flush()
        assert door.store.get(key.key_id).last_used == int(door.now.at) // 3600 * 3600

    run(body)


def test_a_use_that_cannot_be_written_is_written_later(run):
    async def body(door):
        key, _ = door.make(expires=door.now.at + 1e6)
        await door.key(key.text)
        await door.authenticator._uses.flush()
        door.now.at += 3600
        await door.key(key.text)
        door.store.failing = True
        await door.authenticator._uses.flush()
        door.store.failing = False
        await door.authenticator._uses.flush()
        assert door.store.get(key.key_id).last_used == int(door.now.at) // 3600 * 3600

    run(body)
