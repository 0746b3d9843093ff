"""Where sessions are kept: the same tests for memory and for a real Redis, and what only one of them can suffer."""

import asyncio
import contextlib
import time

import pytest
import redis as client
import redisserver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guarita.config.gateway_limits import RedisSection
from guarita.gateway.login import attempt, cookies
from guarita.gateway.login.interface import LoginError, SessionsGoneError
from guarita.gateway.login.memory import MemorySessionStore
from guarita.gateway.login.redisstore import RedisSessionStore
from guarita.gateway.login.sealing import Sealer

KEYS = [bytes([number]) * 32 for number in range(8)]
NAMES = [bytes([100 + number]) * 32 for number in range(4)]
NOW = 1_700_000_000.0


def kept_in(kind, redis, *, idle=60.0):
    if kind == "memory":
        return MemorySessionStore(idle=idle)
    return RedisSessionStore(RedisSection(url=redis.url), None, idle=idle, timeout=5.0, now=lambda: NOW)


@pytest.fixture(params=["memory", "redis"])
def kind(request):
    return request.param


@pytest.fixture
def run(kind, request):
    """Runs a coroutine function that takes a store."""
    redis = request.getfixturevalue("redis") if kind == "redis" else None

    def running(work, **options):
        async def whole():
            store = kept_in(kind, redis, **options)
            try:
                return await work(store)
            finally:
                await store.aclose()

        return asyncio.run(whole())

    return running


def begun(store, key, *names, record=b"record", issued=NOW, ends=NOW + 600):
    return store.begin(KEYS[key], record, [NAMES[name] for name in names], issued=issued, ends=ends)


def ended(store, *names, at=NOW, once=b"order"):
    return store.end_named([NAMES[name] for name in names], at=at, once=once, seconds=60)


def test_a_session_is_kept_replaced_and_ended(run):
    async def work(store):
        assert await store.read(KEYS[0], touch=True) is None
        assert await begun(store, 0, 0)
        assert await store.read(KEYS[0], touch=True) == b"record"
        assert await store.replace(KEYS[0], b"record", b"renewed \x00\xff")
        assert not await store.replace(KEYS[0], b"record", b"late")
        assert await store.read(KEYS[0], touch=False) == b"renewed \x00\xff"
        await store.end(KEYS[0])
        await store.end(KEYS[0])
        assert await store.read(KEYS[0], touch=True) is None
        assert not await store.replace(KEYS[0], b"renewed \x00\xff", b"back from the dead")

    run(work)


def test_sessions_end_by_their_names(run):
    async def work(store):
        for key, names in enumerate([(0, 1), (0, 2), (3,)]):
            assert await begun(store, key, *names, record=b"%d" % key)
        await store.end(KEYS[1])
        assert await ended(store, 0) == [(KEYS[0], b"0")]
        assert [await store.read(key, touch=False) for key in KEYS[:3]] == [None, None, b"2"]
        assert await ended(store, 3, 1, once=b"another") == [(KEYS[2], b"2")]
        assert await ended(store, 3, once=b"a third") == []

    run(work)


def test_an_order_is_carried_out_once(run):
    async def work(store):
        assert await ended(store, 0) == []
        assert await begun(store, 0, 0, issued=NOW + 1)
        assert await ended(store, 0) is None
        assert await store.read(KEYS[0], touch=False) == b"record"

    run(work)


def test_a_login_from_before_the_order_comes_too_late(run):
    async def work(store):
        await ended(store, 0, at=NOW)
        assert not await begun(store, 0, 1, 0, issued=NOW)
        assert not await begun(store, 0, 0, issued=NOW - 0.5)
        assert await store.read(KEYS[0], touch=False) is None
        assert await begun(store, 0, 1, issued=NOW - 5)
        assert await begun(store, 1, 0, issued=NOW + 0.001)

    run(work)


def test_what_was_used_once(run):
    async def work(store):
        assert await store.first_use(b"a", 60)
        assert not await store.first_use(b"a", 60)
        assert await store.first_use(b"b", 0.2)
        for _ in range(600):
            if await store.first_use(b"b", 60):
                break
            await asyncio.sleep(0.05)
        assert not await store.first_use(b"b", 60)
        for _ in range(2):
            await store.release(b"b")
        assert await store.first_use(b"b", 60)

    run(work)


def test_without_a_touch_a_session_ends_in_memory():
    async def work():
        clock = [0.0]
        store = MemorySessionStore(idle=10, clock=lambda: clock[0])
        await begun(store, 0, 0)
        await begun(store, 1, 0)
        clock[0] = 6
        assert await store.read(KEYS[0], touch=True) == b"record"
        assert await store.read(KEYS[1], touch=False) == b"record"
        assert await store.replace(KEYS[1], b"record", b"renewed")  # no touch either
        clock[0] = 12
        assert await store.read(KEYS[0], touch=False) == b"record"
        assert await store.read(KEYS[1], touch=True) is None
        clock[0] = 17
        assert await ended(store, 0) == []

    asyncio.run(work())


def test_without_a_touch_a_session_ends_in_redis(redis):
    async def work(connection):
        store = kept_in("redis", redis, idle=60)
        await begun(store, 0, 0)
        name = b"{guarita:session}:s:" + KEYS[0].hex().encode()
        assert 10_000 < connection.pttl(name) <= 60_000
        connection.pexpire(name, 10_000)
        await store.read(KEYS[0], touch=False)
        await store.replace(KEYS[0], b"record", b"renewed")
        assert connection.pttl(name) <= 10_000
        assert await store.read(KEYS[0], touch=True) == b"renewed"
        assert connection.pttl(name) > 10_000
        connection.pexpire(name, 1)
        for _ in range(600):
            if await store.read(KEYS[0], touch=False) is None:
                break
            await asyncio.sleep(0.01)
        assert await ended(store, 0) == []
        await store.aclose()

    with client.Redis.from_url(redis.url) as connection:
        asyncio.run(work(connection))


def test_memory_is_bounded():
    async def work():
        clock = [0.0]
        store = MemorySessionStore(idle=100, size=3, clock=lambda: clock[0])
        for key in range(3):
            await begun(store, key, 0, 1)
        await store.read(KEYS[0], touch=True)
        await begun(store, 3, 0)
        assert len(store) == 3
        assert await store.read(KEYS[1], touch=False) is None, "the stalest made way"
        clock[0] = 101
        assert await store.read(KEYS[0], touch=True) is None
        assert (len(store), store._named) == (0, {}), "nothing is left of what has ended"
        for number in range(50):
            await store.first_use(b"%d" % number, 10)
        clock[0] = 200
        await store.first_use(b"x", 10)
        assert len(store._used) == 1
        for number in range(100_000 - 1):
            store._used[b"y%d" % number] = 300.0
        with pytest.raises(SessionsGoneError):
            await store.first_use(b"z", 10)
        assert not await store.first_use(b"x", 10)

    asyncio.run(work())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.just("begin"), st.integers(0, 5), st.sets(st.integers(0, 3), min_size=1), st.integers(0, 9)
            ),
            st.tuples(st.just("end"), st.integers(0, 5)),
            st.tuples(st.just("order"), st.sets(st.integers(0, 3), min_size=1), st.integers(0, 9)),
        ),
        max_size=20,
    )
)
def test_both_stores_do_the_same(redis_of_all, steps):
    async def work():
        outcomes = []
        for store in (MemorySessionStore(idle=60), kept_in("redis", redis_of_all)):
            done, used = [], set()
            for number, (what, *said) in enumerate(steps):
                if what == "begin" and said[0] not in used:
                    used.add(said[0])  # identifiers are random: none comes twice
                    done.append(await begun(store, said[0], *sorted(said[1]), issued=NOW + said[2]))
                elif what == "end":
                    await store.end(KEYS[said[0]])
                elif what == "order":
                    names = sorted(said[0])
                    done.append(sorted(await ended(store, *names, at=NOW + said[1], once=b"%d" % number)))
                done.append([await store.read(key, touch=False) for key in KEYS])
            outcomes.append(done)
            await store.aclose()
        assert outcomes[0] == outcomes[1]

    with client.Redis.from_url(redis_of_all.url) as connection:
        connection.flushall()
    asyncio.run(work())


@pytest.fixture(scope="module")
def redis_of_all(tmp_path_factory):
    with redisserver.redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.mark.parametrize("how", ["killed", "hanging", "refusing"])
def test_a_redis_that_is_gone_lets_nobody_in_and_holds_nobody_up(redis, how):
    async def work():
        store = RedisSessionStore(RedisSection(url=redis.url), None, idle=60, timeout=5)
        store._circuit._clock = lambda: 0.0  # no second passes here
        await begun(store, 0, 0, issued=NOW)
        store._timeout = 0.3
        if how == "hanging":
            redis.pause()
        else:
            redis.kill()
        if how == "refusing":
            redis.password = "another"
            redis.start()
        try:
            for step in (
                lambda: store.read(KEYS[0], touch=True),
                lambda: store.read(KEYS[0], touch=False),
                lambda: begun(store, 1, 0),
                lambda: store.end(KEYS[0]),
                lambda: ended(store, 0),
                lambda: store.replace(KEYS[0], b"a", b"b"),
                lambda: store.first_use(b"x", 5),
                lambda: store.release(b"x"),
            ):
                with pytest.raises(SessionsGoneError) as caught:
                    await step()
                assert (caught.value.code, caught.value.status) == ("session.unavailable", 503)
        finally:
            redis.resume()
        if how == "killed":
            redis.start()
        store._timeout = 5
        if how != "refusing":
            store._circuit._clock = lambda: 9.0
            with contextlib.suppress(SessionsGoneError):
                await store.read(KEYS[7], touch=False)
            store._circuit._clock = lambda: 99.0
            # A Redis that kept nothing knows nobody; one that hung knows everybody still.
            assert await store.read(KEYS[0], touch=True) == (b"record" if how == "hanging" else None)
        await store.aclose()

    asyncio.run(work())


def test_nothing_readable_stands_in_redis(redis):
    async def work():
        store = kept_in("redis", redis)
        await begun(store, 0, 0)
        await store.first_use(b"canary", 60)
        await ended(store, 1)
        await store.aclose()

    asyncio.run(work())
    with client.Redis.from_url(redis.url) as connection:
        names = connection.keys("*")
        assert len(names) == 5
        assert all(name.startswith(b"{guarita:session}:") for name in names)
        assert all(connection.pttl(name) > 0 for name in names), "nothing stays for ever"
        assert b"canary" not in b"".join(names)


# --- what is sealed


@given(st.binary(max_size=200), st.binary(max_size=50), st.data())
def test_what_is_sealed_opens_for_what_it_was_sealed_for(plain, bound, data):
    old, new = b"o" * 32, b"n" * 40
    made = Sealer([old]).seal(b"state", plain, bound)
    for sealer in (Sealer([old]), Sealer([new, old])):
        assert sealer.open(b"state", made, bound) == plain
    assert plain not in made or len(plain) < 4
    for other in (
        Sealer([new]).open(b"state", made, bound),
        Sealer([old]).open(b"session", made, bound),
        Sealer([old]).open(b"state", made, bound + b"x"),
        Sealer([old]).open(b"state", made[:-1], bound),
    ):
        assert other is None
    at = data.draw(st.integers(0, len(made) - 1))
    flipped = bytes([*made[:at], made[at] ^ data.draw(st.integers(1, 255)), *made[at + 1 :]])
    assert Sealer([old]).open(b"state", flipped, bound) is None


@given(st.binary(max_size=200))
def test_what_was_not_sealed_does_not_open(raw):
    sealer = Sealer([b"s" * 32])
    assert sealer.open(b"state", raw) is None
    with pytest.raises(LoginError, match="not begun in this browser"):
        attempt.opened(raw.decode("latin-1"), "b" * 43, sealer, time.time())


def test_a_short_secret_seals_nothing():
    for keys in ([], [b"short"], [b"l" * 32, b"short"]):
        with pytest.raises(ValueError, match="at least 32 bytes"):
            Sealer(keys)


def test_names_are_parted_and_found_under_every_secret():
    old, new = b"o" * 32, b"n" * 32
    assert Sealer([old]).names("a", "bc")[0] in Sealer([new, old]).names("a", "bc")
    assert Sealer([old]).names("a", "bc") != Sealer([old]).names("ab", "c")
    assert Sealer([old]).names("sid", "x") != Sealer([new]).names("sid", "x")


@given(st.text(max_size=60), st.floats(0, 1e10))
def test_a_state_says_what_was_begun(target, now):
    sealer, browser = Sealer([b"s" * 32]), cookies.fresh()
    begun = attempt.begin(target, now)
    state = attempt.sealed(begun, browser, sealer)
    assert attempt.opened(state, browser, sealer, now + 5) == begun
    assert begun.nonce != begun.verifier
    assert attempt.begin(target, now).nonce != begun.nonce
    for late in (now + attempt.TERM + 1, now - 61):
        with pytest.raises(LoginError) as caught:
            attempt.opened(state, browser, sealer, late)
        assert caught.value.code == "login.expired"
    with pytest.raises(LoginError):
        attempt.opened(state, cookies.fresh(), sealer, now)


@given(st.lists(st.binary(max_size=60)))
def test_no_cookie_header_is_too_strange(lines):
    headers = [(b"cookie", line) for line in lines]
    found = None
    with contextlib.suppress(LoginError):
        found = cookies.read(headers, cookies.SESSION)
    assert found is None or len(found) in {0, 43}
