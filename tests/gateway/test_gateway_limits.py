"""Rate limits: what is counted for whom, what a client is told, and what happens when Redis is gone."""

import asyncio
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.config.gateway_access import RouteSection
from guarita.config.gateway_limits import LimitsSection, RedisSection
from guarita.errors import UsageError
from guarita.gateway.interface import ANONYMOUS, Principal, Request
from guarita.gateway.limits import LimitError, LimitUndecidedError
from guarita.gateway.limits.counters import LocalCounter, SharedCounter
from guarita.gateway.limits.holders import client_network, holder
from guarita.gateway.limits.limiter import Limits, build_limits
from guarita.gateway.limits.memory import BoundedMemory

ANA, RUI = Principal("ana", "i"), Principal("rui", "i", roles=frozenset({"guest"}))
ROUTES = [
    RouteSection(path="/docs/{id}", methods=["GET"], permissions=["docs:read"]),
    RouteSection(path="/docs/{id}", methods=["PUT"], permissions=["docs:write"]),
]


class Clock:
    def __init__(self):
        self.at = 5_000.0

    def __call__(self):
        return self.at


def section(*rules, **options):
    return msgspec.convert(
        {"rules": [{"name": f"r{n}", "window": 60, **rule} for n, rule in enumerate(rules)], **options},
        LimitsSection,
    )


def request(method="GET", client="192.0.2.1"):
    return Request(method, "/docs/42", (), client=client)


class Counting:
    """Limits over a counter of memory, with a clock to turn; each call gives (allowed, headers)."""

    def __init__(self, *rules, counter=None, **options):
        self.clock = Clock()
        self.limits = Limits(section(*rules, **options), counter or LocalCounter(self.clock), routes=ROUTES)

    def check(self, principal=ANA, rule="GET /docs/{id}", **changes):
        return asyncio.run(self.acheck(principal, rule, **changes))

    async def acheck(self, principal=ANA, rule="GET /docs/{id}", **changes):
        try:
            return True, dict(await self.limits.check(principal, request(**changes), rule))
        except LimitError as error:
            return False, dict(error.headers)

    def arrive(self, **changes):
        try:
            return True, dict(asyncio.run(self.limits.arrive(request(**changes))))
        except LimitError as error:
            return False, dict(error.headers)


def test_what_a_client_is_told():
    counting = Counting({"quota": 2}, {"quota": 100, "window": 3600, "by": "client"})
    allowed, told = counting.check()
    assert allowed
    assert told[b"ratelimit-policy"] == b'"r0";q=2;w=60, "r1";q=100;w=3600'
    assert re.fullmatch(rb'"r0";r=1;t=\d+, "r1";r=99;t=\d+', told[b"ratelimit"])
    assert b"retry-after" not in told
    assert counting.check()[0]
    allowed, told = counting.check()
    assert not allowed
    assert re.match(rb'"r0";r=0;t=\d+, "r1";r=97;', told[b"ratelimit"])
    assert 1 <= int(told[b"retry-after"]) <= 61
    with pytest.raises(LimitError) as caught:
        asyncio.run(counting.limits.check(ANA, request(), "GET /docs/{id}"))
    assert (caught.value.status, caught.value.code) == (429, "limit.exceeded")


def test_each_principal_has_a_quota_wherever_they_call_from():
    counting = Counting({"quota": 1})
    assert counting.check(ANA, client="192.0.2.1")[0]
    assert not counting.check(ANA, client="192.0.2.2")[0]
    assert counting.check(RUI, client="192.0.2.1")[0]
    assert counting.check(Principal("ana", "another issuer"))[0]


def test_where_nobody_is_known_the_address_counts():
    counting = Counting({"quota": 1})
    assert counting.check(ANONYMOUS, client="192.0.2.1")[0]
    assert not counting.check(ANONYMOUS, client="192.0.2.1")[0]
    assert counting.check(ANONYMOUS, client="192.0.2.2")[0]


def test_an_ipv6_subscriber_is_one_client():
    counting = Counting({"quota": 1, "by": "client"})
    assert counting.check(client="2001:db8:1:2::1")[0]
    assert not counting.check(client="2001:db8:1:2:ffff::9")[0]
    assert counting.check(client="2001:db8:1:3::1")[0]
    assert counting.check(client="192.0.2.7")[0]
    assert not counting.check(client="::ffff:192.0.2.7")[0]


@given(st.ip_addresses(v=4), st.integers(32, 128))
def test_one_address_has_one_spelling(address, prefix):
    assert client_network(str(address), prefix) == client_network(f"::ffff:{address}", prefix) == str(address)


@given(st.ip_addresses(v=6), st.integers(32, 128))
def test_an_address_is_in_its_network(address, prefix):
    import ipaddress

    found = client_network(str(address), prefix)
    if address.ipv4_mapped is None:
        assert address in ipaddress.ip_network(found)
        assert ipaddress.ip_network(found).prefixlen == prefix


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_two_holders_share_a_name_and_none_shows_whose_it_is(issuer, subject, issuer2, subject2):
    one = holder("principal", Principal(subject or "x", issuer), "", 64)
    other = holder("principal", Principal(subject2 or "x", issuer2), "", 64)
    assert (one == other) == ((issuer, subject or "x") == (issuer2, subject2 or "x"))
    assert re.fullmatch("[0-9a-f]{32}", one)


def test_a_holder_is_an_issuer_and_a_subject_and_not_both_run_together():
    one, other = (holder("principal", Principal(*words), "", 64) for words in (("bc", "a"), ("c", "ab")))
    assert one != other


def test_everybody_together():
    counting = Counting({"quota": 1, "by": "everybody"})
    assert counting.check(ANA)[0]
    assert not counting.check(RUI, client="192.0.2.9")[0]


def test_a_limit_counts_what_it_is_for():
    counting = Counting({"quota": 1, "permissions": ["docs:write"]})
    for _ in range(3):
        assert counting.check(rule="GET /docs/{id}") == (True, {})
    assert counting.check(rule="PUT /docs/{id}", method="PUT")[0]
    assert not counting.check(rule="PUT /docs/{id}", method="PUT")[0]

    counting = Counting({"quota": 1, "roles": ["guest"]})
    assert counting.check(ANA) == (True, {})
    assert counting.check(RUI)[0]
    assert not counting.check(RUI)[0]

    counting = Counting({"quota": 1, "routes": ["/docs/{id}"], "methods": ["GET"]})
    assert counting.check(rule="GET /other") == (True, {})
    assert counting.check(rule="GET, PUT /docs/{id}", method="HEAD")[0]
    assert not counting.check(rule="GET /docs/{id}")[0]
    assert counting.check(rule="PUT /docs/{id}", method="PUT") == (True, {})


def test_arriving_requests_are_counted_before_anybody_is_known():
    counting = Counting({"quota": 1, "by": "client", "counts": "arriving"}, {"quota": 9})
    allowed, told = counting.arrive()
    assert allowed
    assert told[b"ratelimit-policy"] == b'"r0";q=1;w=60'
    assert not counting.arrive()[0]
    assert counting.arrive(client="192.0.2.2")[0]
    assert counting.check()[1][b"ratelimit-policy"] == b'"r1";q=9;w=60'


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 20),
    st.lists(st.floats(0, 25, allow_nan=False), min_size=1, max_size=60),
)
def test_retry_after_is_never_too_early_and_a_full_quota_is_never_exceeded(quota, window, pauses):
    counting = Counting({"quota": quota, "window": window})

    async def whole():
        admitted = []
        for pause in pauses:
            counting.clock.at += pause
            allowed, told = await counting.acheck()
            if allowed:
                admitted.append(counting.clock.at)
                # The sliding count is an estimate, and yet never lets two full windows meet within one.
                within = [at for at in admitted if at > counting.clock.at - window]
                assert len(within) <= 2 * quota
            else:
                counting.clock.at += int(told[b"retry-after"])
                assert (await counting.acheck())[0], "came back when told to, and was refused"
                admitted.append(counting.clock.at)

    asyncio.run(whole())


def test_memory_holds_a_bounded_number_of_holders():
    async def whole():
        memory = BoundedMemory(Clock(), max_keys=10)
        for number in range(1000):
            await memory.acquire_sliding_window_entry(f"k{number}", 1, 60)
        assert await memory.reset() == 10

    asyncio.run(whole())


def test_what_is_wrong_in_the_configuration_is_said():
    with pytest.raises(UsageError) as caught:
        build_limits(section({"quota": 1, "routes": ["/dcos/{id}"]}), None, None, routes=ROUTES)
    assert caught.value.code == "limit.route"
    with pytest.raises(UsageError) as caught:
        build_limits(section({"quota": 1}, store="redis"), None, None)
    assert caught.value.code == "limit.redis"
    for wrong in ({"counts": "arriving"}, {"counts": "arriving", "by": "client", "roles": ["r"]}):
        with pytest.raises(msgspec.ValidationError):
            section({"quota": 1, **wrong})
    with pytest.raises(msgspec.ValidationError):
        section({"quota": 1, "name": "x"}, {"quota": 1, "name": "x"})
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"url": "redis://u:p@h/0"}, RedisSection)


# With a real Redis.


def shared(redis, *rules, clock=None, **options):
    options = {"store": "redis", "timeout_seconds": 5, **options}
    counter = SharedCounter(
        RedisSection(url=redis.url), None, timeout=options["timeout_seconds"], clock=clock or Clock()
    )
    return Counting(*rules, counter=counter, **options)


@pytest.mark.servers
def test_processes_share_a_quota_exactly(redis):
    async def whole():
        nodes = [shared(redis, {"quota": 25}) for _ in range(4)]
        answers = await asyncio.gather(*(nodes[n % 4].acheck() for n in range(100)))
        assert sum(allowed for allowed, _ in answers) == 25
        told = (await nodes[0].acheck())[1]
        assert b'"r0";r=0;' in told[b"ratelimit"]
        assert 1 <= int(told[b"retry-after"]) <= 61
        for node in nodes:
            await node.limits.aclose()

    asyncio.run(whole())


@pytest.mark.servers
def test_nothing_of_a_principal_stands_in_redis(redis):
    import redis as client

    async def whole():
        node = shared(redis, {"quota": 25}, {"quota": 9, "by": "client"})
        await node.acheck(Principal("kanarienvogel", "https://issuer.example"), client="192.0.2.123")
        await node.limits.aclose()

    asyncio.run(whole())
    with client.Redis.from_url(redis.url) as connection:
        keys = b" ".join(connection.keys("*"))
        assert all(connection.pttl(key) > 0 for key in connection.keys("*"))
    assert keys.count(b"guarita:limit") == 2
    for trace in (b"kanari", b"issuer.example", b"192.0.2.123"):
        assert trace not in keys


@pytest.mark.servers
@pytest.mark.parametrize("how", ["killed", "hanging", "never there", "wrong password"])
@pytest.mark.parametrize("when_gone", ["deny", "allow", "memory"])
def test_when_redis_is_gone_what_was_declared_happens(redis, how, when_gone):
    async def whole():
        clock = Clock()
        node = shared(redis, {"quota": 2}, clock=clock, when_gone=when_gone, timeout_seconds=0.2)
        if how in {"killed", "hanging"}:
            assert (await node.acheck())[0]
        if how == "hanging":
            redis.pause()
        elif how == "wrong password":
            redis.kill()
            redis.password = "another"
            redis.start()
        else:
            redis.kill()
        if when_gone == "deny":
            for _ in range(3):
                with pytest.raises(LimitUndecidedError) as caught:
                    await node.acheck()
                assert (caught.value.status, caught.value.code) == (503, "limit.undecided")
                assert dict(caught.value.headers) == {b"retry-after": b"1"}
        elif when_gone == "allow":
            assert [await node.acheck() for _ in range(5)] == [(True, {})] * 5
        else:
            assert [(await node.acheck())[0] for _ in range(3)] == [True, True, False]
        await node.limits.aclose()

    asyncio.run(whole())


@pytest.mark.servers
def test_while_redis_hangs_one_request_in_a_while_waits_for_it_and_it_is_used_again_when_back(redis):
    async def whole():
        clock = Clock()
        node = shared(redis, {"quota": 1000}, clock=clock, when_gone="allow", timeout_seconds=0.5)
        assert (await node.acheck())[1]
        redis.pause()
        await node.acheck()
        strategy, asked = node.limits._counter._strategy, []
        real = strategy.hit
        strategy.hit = lambda *key: asked.append(key) or real(*key)
        for _ in range(50):
            assert await node.acheck() == (True, {})
        assert asked == []
        clock.at += 1
        for _ in range(50):
            await node.acheck()
        assert len(asked) == 1
        redis.resume()
        clock.at += 1
        assert (await node.acheck())[1]
        redis.kill()
        redis.start()  # its connections, scripts and counts are lost with it, and no request is
        assert (await node.acheck())[1]
        await node.limits.aclose()

    asyncio.run(whole())


@pytest.mark.servers
def test_a_password_comes_from_where_the_configuration_says(tmp_path, monkeypatch):
    import redisserver

    from guarita.config.sinks import SecretSource

    async def ask(source):
        node = build_limits(
            section({"quota": 1}, store="redis", timeout_seconds=5),
            RedisSection(url=server.url, password=source),
            tmp_path,
        )
        try:
            return await node.check(ANA, request(), "GET /docs/{id}")
        finally:
            await node.aclose()

    with redisserver.redis(tmp_path, password="kanarienvogel") as server:
        monkeypatch.setenv("TEST_REDIS", "kanarienvogel")
        assert asyncio.run(ask(SecretSource(env="TEST_REDIS")))
        monkeypatch.setenv("TEST_REDIS", "wrong-kanari")
        with pytest.raises(LimitUndecidedError) as caught:
            asyncio.run(ask(SecretSource(env="TEST_REDIS")))
        assert "kanari" not in f"{caught.value} {caught.value.__cause__}"
        with pytest.raises(UsageError):
            asyncio.run(ask(SecretSource(file="missing")))
