"""Key sets under load, outage and attack: a known key never waits, and nobody pays for another's fault."""

import asyncio
import json
import os
import threading

import pytest

from guarita.errors import UsageError
from guarita.gateway.keys import KeyBounds, KeySetFile, KeySource, UnavailableKeysError
from guarita.gateway.outbound import Outbound, OutboundError, check_endpoint


class Clock:
    def __init__(self, at=1000.0):
        self.at = at

    def __call__(self):
        return self.at


def source(issuer, clock=None, *, timeout=5.0, file=None, where=None, now=None, **bounds):
    return KeySource(
        issuer.issuer,
        where or issuer.jwks_uri,
        Outbound(timeout=timeout, insecure_loopback=True),
        bounds=KeyBounds(**bounds),
        file=file,
        **({"clock": clock} if clock else {}),
        **({"now": now} if now else {}),
    )


async def known(keys, kid):
    found = await keys.find(kid, "ES256")
    return found.find(kid, "ES256") is not None


async def settled(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about")


def fetched(issuer):
    return issuer.requests["/jwks"]


def test_many_at_once_cost_one_fetch(local_issuer):
    async def run():
        keys = source(local_issuer)
        assert all(await asyncio.gather(*(known(keys, "key-1") for _ in range(200))))

    asyncio.run(run())
    assert fetched(local_issuer) == 1


def test_a_new_key_is_found_and_invented_names_cost_one_fetch_in_a_cooldown(local_issuer):
    async def run():
        clock = Clock()
        keys = source(local_issuer, clock, cooldown=10)
        assert await known(keys, "key-1")
        for number in range(50):
            assert not await known(keys, f"invented-{number}")
        assert fetched(local_issuer) == 1  # the set is a moment old
        clock.at += 10
        local_issuer.rotate()
        assert not any(await asyncio.gather(*(known(keys, f"invented-{number}") for number in range(200))))
        assert fetched(local_issuer) == 2
        assert await known(keys, "key-2")
        assert await known(keys, "key-1")
        assert fetched(local_issuer) == 2

    asyncio.run(run())


def test_a_withdrawn_key_is_gone_with_the_next_set(local_issuer):
    async def run():
        clock = Clock()
        keys = source(local_issuer, clock)
        assert await known(keys, "key-1")
        local_issuer.rotate(keep=False)
        clock.at += 10
        assert await known(keys, "key-2")
        assert not await known(keys, "key-1")

    asyncio.run(run())


def test_known_keys_never_wait_for_an_endpoint_that_hangs(local_issuer):
    async def run():
        clock = Clock()
        keys = source(local_issuer, clock, timeout=30)
        assert await known(keys, "key-1")
        local_issuer.fault = "hang"
        clock.at += 301  # due: each of these may begin the renewal, and none may wait for it
        assert all([await known(keys, "key-1") for _ in range(100)])
        await settled(lambda: fetched(local_issuer) == 2)
        waiting = asyncio.create_task(known(keys, "key-2"))
        assert all([await known(keys, "key-1") for _ in range(100)])
        assert not waiting.done()
        assert not keys.status().failure  # it hangs still: nobody has waited for it to give up
        local_issuer.fault = None
        local_issuer.release()
        # Who hung never answered: the caller cannot know whether the key is new.
        with pytest.raises(UnavailableKeysError):
            await waiting
        assert fetched(local_issuer) == 2

    asyncio.run(run())


@pytest.mark.parametrize(
    "fault",
    ["trickle", "500", "404", "huge", "redirect", "empty", "no-keys", "not-json", "gzip", "break", "hang"],
)
def test_a_fault_is_503_costs_one_fetch_a_cooldown_and_heals(local_issuer, fault):
    async def run():
        clock = Clock()
        keys = source(local_issuer, clock, timeout=0.4 if fault in {"hang", "trickle"} else 5, cooldown=1)
        local_issuer.fault = fault
        results = await asyncio.gather(
            *(keys.find("key-1", "ES256") for _ in range(20)), return_exceptions=True
        )
        assert {getattr(result, "code", result) for result in results} == {"keys.unavailable"}
        assert {result.status for result in results} == {503}
        with pytest.raises(UnavailableKeysError):
            await keys.find("key-1", "ES256")
        assert fetched(local_issuer) == 1
        assert ("compressed" if fault == "gzip" else "") in keys.status().failure != ""
        local_issuer.fault = None
        clock.at += 4.9
        with pytest.raises(UnavailableKeysError):
            await keys.find("key-1", "ES256")
        assert fetched(local_issuer) == 1
        clock.at += 0.1
        assert await known(keys, "key-1")
        assert fetched(local_issuer) == 2
        assert not keys.status().failure
        assert not local_issuer.requests["/elsewhere"]

    asyncio.run(run())


@pytest.mark.parametrize("fault", ["500", "no-keys", "not-json"])
def test_in_an_outage_the_last_good_set_serves_up_to_its_bound(local_issuer, fault):
    async def run():
        clock = Clock()
        keys = source(local_issuer, clock, stale=7200)
        assert await known(keys, "key-1")
        local_issuer.fault = fault
        clock.at += 7199
        assert await known(keys, "key-1")
        await settled(lambda: keys.status().failure)
        clock.at += 6
        with pytest.raises(UnavailableKeysError) as caught:
            await keys.find("key-1", "ES256")
        assert caught.value.status == 503
        local_issuer.fault = None
        clock.at += 6
        assert await known(keys, "key-1")

    asyncio.run(run())


@pytest.mark.parametrize(("said", "term"), [(None, 300), (0, 60), (120, 120), (999_999, 3600)])
def test_max_age_is_believed_within_bounds(local_issuer, said, term):
    async def run():
        clock = Clock()
        local_issuer.max_age = said
        keys = source(local_issuer, clock)
        await keys.warm()
        clock.at += term - 1
        assert keys.current() is not None
        assert await known(keys, "key-1")
        assert fetched(local_issuer) == 1
        clock.at += 1
        assert keys.current() is None
        assert await known(keys, "key-1")
        await settled(lambda: keys.current() is not None)
        assert fetched(local_issuer) == 2

    asyncio.run(run())


def test_the_last_good_set_outlives_a_restart(local_issuer, tmp_path):
    file = KeySetFile(tmp_path / "keys" / "set.json", local_issuer.issuer)
    asyncio.run(source(local_issuer, file=file).warm())
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in file.path.parent.iterdir()] == ["set.json"]
    local_issuer.fault = "500"

    async def run(age):
        at = file.read().fetched + age
        return await known(source(local_issuer, file=file, now=lambda: at), "key-1")

    assert asyncio.run(run(7200))
    with pytest.raises(UnavailableKeysError):
        asyncio.run(run(21_600))
    with pytest.raises(UnavailableKeysError):
        asyncio.run(run(-3600))  # a file from the future says nothing about its age


def _open_to_others(path):
    path.chmod(0o644)


def _link(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def _pipe(path):
    path.unlink()
    os.mkfifo(path)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def _of_another(path):
    path.write_bytes(path.read_bytes().replace(b"127.0.0.1", b"127.0.0.2"))


def _without_keys(path):
    record = json.loads(path.read_bytes())
    path.write_text(json.dumps(record | {"set": '{"keys": []}'}))


def _private(path):
    record = json.loads(path.read_bytes())
    path.write_text(json.dumps(record | {"set": record["set"].replace('"x"', '"d": "AA", "x"')}))


@pytest.mark.parametrize(
    "spoil",
    [_open_to_others, _link, _pipe, _cut, _of_another, _without_keys, _private],
    ids=lambda f: f.__name__,
)
def test_a_file_is_judged_anew_when_it_is_read(local_issuer, tmp_path, spoil):
    file = KeySetFile(tmp_path / "set.json", local_issuer.issuer)
    asyncio.run(source(local_issuer, file=file).warm())
    local_issuer.fault = "500"
    assert asyncio.run(known(source(local_issuer, file=file), "key-1"))
    spoil(file.path)
    with pytest.raises(UnavailableKeysError):
        asyncio.run(known(source(local_issuer, file=file), "key-1"))


def test_a_folder_that_cannot_be_written_stops_nobody(local_issuer, tmp_path):
    (tmp_path / "file").touch()
    keys = source(local_issuer, file=KeySetFile(tmp_path / "file" / "set.json", local_issuer.issuer))
    assert asyncio.run(known(keys, "key-1"))


def test_one_source_serves_several_event_loops_at_once(local_issuer):
    clock = Clock()
    keys = source(local_issuer, clock)
    results, start = [], threading.Barrier(8)

    def thread():
        start.wait()
        results.append(asyncio.run(known(keys, "key-1")))

    for at in (0, 10_000):
        clock.at += at
        threads = [threading.Thread(target=thread) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert results == [True] * 16


def test_a_loop_that_ends_in_the_middle_leaves_the_others_whole(local_issuer):
    keys = source(local_issuer)
    local_issuer.fault = "hang"

    async def impatient():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(keys.find("key-1", "ES256"), 0.2)

    asyncio.run(impatient())
    local_issuer.fault = None
    assert asyncio.run(known(keys, "key-1"))


@pytest.mark.parametrize(
    ("url", "declared"),
    [
        ("http://issuer.example.com/jwks", True),
        ("http://127.0.0.1/jwks", False),
        ("http://127.0.0.1.example.com/jwks", True),
        ("ftp://issuer.example.com/jwks", True),
        ("https:///jwks", True),
        ("https://user:hunter2@issuer.example.com/jwks", True),
        ("https://issuer.example.com/jwks#x", True),
        ("https://issuer.example.com/jw ks", True),
        ("https://issuer.example.com:99999/jwks", True),
        ("https://[issuer/jwks", True),
        ("file:///etc/passwd", True),
    ],
)
def test_addresses_that_are_not_asked(url, declared):
    with pytest.raises(UsageError) as caught:
        check_endpoint(url, insecure_loopback=declared)
    assert caught.value.code == "gateway.endpoint"
    assert "hunter2" not in f"{caught.value!r}{caught.value.hint}"


def test_nobody_there_is_an_outage(local_issuer):
    async def run():
        with pytest.raises(OutboundError) as caught:
            await Outbound(insecure_loopback=True).get(local_issuer.jwks_uri, limit=1000)
        assert (caught.value.code, caught.value.status) == ("outbound.unreachable", 503)

    local_issuer.close()
    asyncio.run(run())
