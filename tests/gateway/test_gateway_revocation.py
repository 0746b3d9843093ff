"""Revocation: who is refused, how soon everywhere, and what happens when Redis is gone or forgets."""

import asyncio
import contextlib
import json
import os
import subprocess
import sysconfig
from pathlib import Path

import canaries
import pytest
import redis as client
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.config.gateway_limits import RedisSection, RevocationSection
from guarita.errors import UsageError
from guarita.gateway.interface import ANONYMOUS, Principal
from guarita.gateway.refusal import UndecidedError
from guarita.gateway.revocation import Revocations, RevokedError, revocation
from guarita.gateway.revocation.interface import SLACK, Feed, News
from guarita.gateway.revocation.known import Known
from guarita.gateway.revocation.redisfeed import RedisFeed
from guarita.gateway.revocation.revocations import build_revocations

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
NOW = 1_700_000_000.0
ISSUER = "https://issuer.example"


def principal(jti="t1", subject="ana", client_id="web", issuer=ISSUER, iat=NOW - 10):
    claims = {} if iat is None else {"iat": iat}
    return Principal(subject, issuer, client_id=client_id, credential_id=jti, claims=claims)


def token(jti="t1", issuer=ISSUER, until=NOW + 60):
    return revocation("token", issuer, jti, at=NOW, until=until)


class Clock:
    def __init__(self):
        self.at = NOW

    def __call__(self):
        return self.at


def refused(revocations, who):
    try:
        revocations.must_be_good(who)
    except RevokedError as error:
        return error.code == "token.revoked" and error.status == 401
    return False


def alone(*revoked):
    revocations = Revocations(now=Clock())
    asyncio.run(revocations.revoke(*revoked))
    return revocations


def test_a_token_is_revoked_by_issuer_and_jti():
    revocations = alone(token())
    assert refused(revocations, principal())
    assert refused(revocations, principal(iat=NOW + 999, subject="rui", client_id="x"))
    for other in (
        principal(jti="t2"),
        principal(issuer="https://other.example"),
        principal(jti=""),
        ANONYMOUS,
    ):
        assert not refused(revocations, other)


@pytest.mark.parametrize(("kind", "value"), [("subject", "ana"), ("client", "web")])
def test_a_subject_or_client_is_revoked_until_now_and_not_locked_out(kind, value):
    revocations = alone(revocation(kind, ISSUER, value, at=NOW, until=NOW + 60))
    for iat in (NOW - 10, NOW, None, "yesterday", True, float("nan")):
        assert refused(revocations, principal(iat=iat))
    assert not refused(revocations, principal(iat=NOW + 1))
    assert not refused(revocations, principal(issuer="https://other.example"))
    assert not refused(revocations, principal(subject="rui", client_id="cli"))


def test_kinds_do_not_mix():
    revocations = alone(token("ana"))
    assert not refused(revocations, principal(jti="t2", subject="ana", client_id="ana"))
    assert token("bc", issuer="a").identity != token("c", issuer="ab").identity


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.integers(0, 100)), max_size=30),
    st.data(),
)
def test_whatever_the_order_the_strictest_holds_until_the_last_end(entries, data):
    revocations = [revocation("subject", "i", name, at=at, until=until) for name, at, until in entries]
    known = Known()
    for one in data.draw(st.permutations(revocations)):
        known.add(one)
    now = data.draw(st.integers(0, 500))
    known.forget(now)
    for name in "abc":
        mine = [(at, until + SLACK) for other, at, until in entries if other == name]
        holds = bool(mine) and max(until for _, until in mine) > now
        latest = max((at for at, _ in mine), default=0)
        assert known.revoked(Principal(name, "i", claims={"iat": latest})) == holds
        assert not known.revoked(Principal(name, "i", claims={"iat": latest + 1}))


def test_a_revocation_outlives_the_token_by_the_leeway_of_clocks():
    known = Known()
    known.add(token(until=NOW + 60))
    known.forget(NOW + 60 + SLACK - 1)
    assert known.revoked(principal())
    known.forget(NOW + 60 + SLACK)
    assert not known.revoked(principal())
    assert known.all() == []


def test_more_than_can_be_known_refuses_everybody():
    revocations = Revocations(now=Clock())
    revocations._known = Known(max_known=2)
    asyncio.run(revocations.revoke(token("a"), token("b"), token("c")))
    with pytest.raises(UndecidedError) as caught:
        revocations.must_be_good(principal("other"))
    assert caught.value.code == "revocation.full"


def test_whoever_remembers_decisions_is_told():
    told = []
    revocations = Revocations(now=Clock(), changed=lambda: told.append(1))
    asyncio.run(revocations.revoke(token()))
    asyncio.run(revocations.revoke(token()))  # no news
    assert told == [1]


# With a real Redis.


class Node:
    """A gateway's process; `sync` is driven by hand, unless it is started."""

    def __init__(self, redis, *, timeout=5.0, **options):
        self.clock = Clock()
        self.all = Revocations(
            RedisFeed(RedisSection(url=redis.url), None, timeout=timeout), clock=self.clock,
            **{"now": Clock(), **options},
        )  # fmt: skip

    async def sync(self):
        from guarita.gateway.revocation import FeedGoneError

        try:
            await self.all.sync()
        except FeedGoneError:
            return False
        return True


@pytest.mark.servers
def test_what_one_revokes_all_refuse_and_a_newcomer_too(redis):
    async def whole():
        one, other = Node(redis), Node(redis)
        assert await one.sync()
        assert await other.sync()
        await one.all.revoke(token())
        assert refused(one.all, principal())
        assert not refused(other.all, principal())
        assert await other.sync()
        assert refused(other.all, principal())
        newcomer = Node(redis)
        assert await newcomer.sync()
        assert refused(newcomer.all, principal())
        for node in (one, other, newcomer):
            await node.all.aclose()

    asyncio.run(whole())


@pytest.mark.servers
def test_a_started_one_hears_by_itself(redis):
    async def whole():
        heard = asyncio.Event()
        one = Node(redis, poll=0.05, changed=heard.set)
        await one.all.start()
        other = Node(redis)
        await other.all.revoke(token())
        async with asyncio.timeout(60):
            await heard.wait()
        assert refused(one.all, principal())
        await one.all.aclose()
        await other.all.aclose()

    asyncio.run(whole())


@pytest.mark.servers
@settings(max_examples=15, deadline=None)
@given(counts=st.lists(st.integers(0, 1200), min_size=1, max_size=4))
def test_none_is_missed_whatever_comes_at_once(shared_redis, counts):
    async def whole():
        with client.Redis.from_url(shared_redis.url) as connection:
            connection.flushall()
        reader = Node(shared_redis)
        writers = [Node(shared_redis) for _ in counts]
        names = [[f"{w}-{n}" for n in range(count)] for w, count in enumerate(counts)]
        await reader.sync()
        await asyncio.gather(
            reader.sync(),
            *(w.all.revoke(*map(token, mine)) for w, mine in zip(writers, names, strict=True)),
        )
        await reader.sync()
        assert all(refused(reader.all, principal(name)) for mine in names for name in mine)
        assert len(reader.all._known.all()) == sum(counts)
        for node in (reader, *writers):
            await node.all.aclose()

    asyncio.run(whole())


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory):
    import redisserver

    with redisserver.redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.mark.servers
def test_a_redis_that_lost_everything_is_told_again(redis):
    async def whole():
        one = Node(redis)
        await one.sync()
        await one.all.revoke(*(token(f"t{n}") for n in range(50)))
        redis.kill()
        redis.start()
        assert await one.sync()
        newcomer = Node(redis)
        await newcomer.sync()
        assert all(refused(newcomer.all, principal(f"t{n}")) for n in range(50))
        await one.all.aclose()
        await newcomer.all.aclose()

    asyncio.run(whole())


@pytest.mark.servers
def test_a_redis_that_wakes_up_in_the_past_hides_nothing(redis):
    """Numbers are given a second time: who was further must read again what he thinks he has read."""

    async def whole():
        one, other = Node(redis), Node(redis)
        await one.all.revoke(token("old"))
        with client.Redis.from_url(redis.url) as connection:
            connection.save()
        await one.all.revoke(*(token(f"t{n}") for n in range(10)))
        await one.sync()
        await other.sync()
        redis.kill()
        redis.start()
        third = Node(redis)
        await third.all.revoke(*(token(f"new{n}") for n in range(20)))
        assert await one.sync()
        assert await other.sync()
        await third.sync()
        for node in (one, other, third):
            for name in ("old", *(f"t{n}" for n in range(10)), *(f"new{n}" for n in range(20))):
                assert refused(node.all, principal(name)), name
            await node.all.aclose()

    asyncio.run(whole())


@pytest.mark.servers
@pytest.mark.parametrize("how", ["killed", "hanging"])
@pytest.mark.parametrize("when_gone", ["deny", "allow"])
def test_when_redis_is_gone_what_was_declared_happens_after_the_bound(redis, how, when_gone):
    async def whole():
        node = Node(redis, when_gone=when_gone, max_age=10, timeout=0.2)
        await node.all.revoke(token())
        assert await node.sync()
        redis.kill() if how == "killed" else redis.pause()
        node.clock.at += 9
        assert not await node.sync()
        assert refused(node.all, principal())
        node.all.must_be_good(principal("other"))
        node.clock.at += 2
        assert refused(node.all, principal())
        if when_gone == "deny":
            with pytest.raises(UndecidedError) as caught:
                node.all.must_be_good(principal("other"))
            assert (caught.value.status, caught.value.code) == (503, "revocation.stale")
        else:
            node.all.must_be_good(principal("other"))
        with pytest.raises(UndecidedError) as caught:
            await node.all.revoke(token("late"))
        assert caught.value.code == "revocation.unpublished"
        assert refused(node.all, principal("late"))  # here it holds
        redis.start() if how == "killed" else redis.resume()
        assert await node.sync()
        node.all.must_be_good(principal("other"))
        newcomer = Node(redis)
        await newcomer.sync()
        assert refused(newcomer.all, principal("late"))  # and it was told later
        await node.all.aclose()
        await newcomer.all.aclose()

    asyncio.run(whole())


@pytest.mark.servers
def test_one_that_was_never_there_lets_nobody_in(redis):
    async def whole():
        redis.kill()
        node = Node(redis, poll=30)
        await node.all.start()
        with pytest.raises(UndecidedError):
            node.all.must_be_good(principal())
        await node.all.aclose()

    asyncio.run(whole())


@pytest.mark.servers
def test_redis_holds_nothing_of_anybody_and_lets_go_of_what_has_ended(redis):
    async def whole():
        node = Node(redis)
        await node.all.revoke(revocation("subject", ISSUER, "kanarienvogel", at=NOW, until=NOW + 5))
        with client.Redis.from_url(redis.url) as connection:
            members = connection.zrange("{guarita:revoked}:by-end", 0, -1)
            assert len(members) == 1
            assert canaries.seen("kanarienvogel", {"redis": b" ".join(members)}) == []
        node.all._now.at += 5 + SLACK
        await node.all.revoke(token(until=NOW + 9999))
        with client.Redis.from_url(redis.url) as connection:
            for name in ("by-end", "by-number"):
                assert connection.zcard(f"{{guarita:revoked}}:{name}") == 1
        await node.all.aclose()

    asyncio.run(whole())


@pytest.mark.servers
def test_what_somebody_else_wrote_there_stops_nothing(redis):
    async def whole():
        node = Node(redis)
        await node.all.revoke(token())
        with client.Redis.from_url(redis.url) as connection:
            connection.zadd("{guarita:revoked}:by-number", {b"\xff\x00": 1.5, "a b c": 1.7})
            connection.incr("{guarita:revoked}:last")
        reader = Node(redis)
        assert await reader.sync()
        assert refused(reader.all, principal())
        await node.all.aclose()
        await reader.all.aclose()

    asyncio.run(whole())


def test_without_a_redis_there_is_nothing_to_share_by():
    with pytest.raises(UsageError) as caught:
        build_revocations(RevocationSection(), None, None)
    assert caught.value.code == "revocation.redis"


# The command.


class Project:
    def __init__(self, folder, redis):
        self.folder, self.redis = folder, redis
        folder.mkdir()
        (folder / "guarita.yaml").write_text(
            f"gateway:\n  redis: {{url: '{redis.url}'}}\n  revocation: {{timeout_seconds: 5, max_age_seconds: 20}}\n"
        )

    def call(self, *words, stdin=""):
        return subprocess.run(
            [GUARITA, "gateway", "revoke", *words], cwd=self.folder, capture_output=True, text=True,
            check=False, input=stdin, env={**os.environ},
        )  # fmt: skip

    def events(self):
        done = subprocess.run(
            [GUARITA, "audit", "query", "--json"], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return [one.get("event", one) for one in map(json.loads, done.stdout.splitlines())]


@pytest.mark.servers
@pytest.mark.parametrize(
    ("words", "stdin"),
    [(("--token", "kanari-1"), ""), (("--subject", "-"), "kanari-1\n"), (("--client", "kanari-1"), "")],
)
def test_the_command_revokes_everywhere_and_records_it(tmp_path, redis, words, stdin):
    project = Project(tmp_path / "project", redis)
    done = project.call("--issuer", ISSUER, *words, stdin=stdin)
    assert done.returncode == 0, done.stderr

    async def whole():
        node = Node(redis)
        await node.sync()
        told = node.all._known.all()
        await node.all.aclose()
        return told

    (one,) = asyncio.run(whole())
    assert one.identity in done.stdout
    kinds = [event["class_uid"] for event in project.events() if event.get("class_uid") in {3001, 3004}]
    assert kinds == [3001 if words[0] == "--subject" else 3004]
    ledger = {
        name: content for name, content in canaries.files(project.folder).items() if "ledger.db" in name
    }
    assert ledger
    assert canaries.seen("kanari-1", ledger) == []


@pytest.mark.servers
def test_a_revocation_that_reaches_nobody_is_said(tmp_path, redis):
    project = Project(tmp_path / "project", redis)
    redis.kill()
    done = project.call("--issuer", ISSUER, "--token", "t1")
    assert done.returncode == 3
    assert "could not be told" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [(), ("--token", "a", "--client", "b"), ("--token", "")])
def test_one_of_three_is_named(tmp_path, words):
    done = subprocess.run(
        [GUARITA, "gateway", "revoke", "--issuer", "i", *words], cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--token, --subject and --client" in done.stderr


class DeafFeed(Feed):
    """Keeps a cancellation to itself, as clients do whose own timeout ends at that moment."""

    def __init__(self):
        self.asked = 0
        self.waiting = asyncio.Event()

    async def news(self):
        self.asked += 1
        if self.asked > 1:
            self.waiting.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        return News((), lost=False)

    async def publish(self, revocations, now):
        pass

    async def aclose(self):
        pass


def test_whoever_keeps_a_cancellation_to_himself_holds_nobody_up():
    async def closed():
        feed = DeafFeed()
        revocations = Revocations(feed, poll=0.001)
        await revocations.start()
        await feed.waiting.wait()
        closing = asyncio.create_task(revocations.aclose())
        done, _ = await asyncio.wait({closing}, timeout=20)
        assert done

    asyncio.run(closed())
