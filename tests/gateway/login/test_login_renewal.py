"""How long a session lasts: idle and in all, by the provider's word, and through the provider's and Redis' outages."""

import asyncio
import contextlib
import json
import subprocess
import sysconfig
import time
from pathlib import Path

import httpx
import portal as portals
import pytest
from portal import PATH, SCRIPT, SESSION, URL

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"


class Time:
    """The time of day and the seconds that pass, moved by hand."""

    def __init__(self, portal):
        self.ahead = 0.0
        sessions = portal.gateway.login._sessions
        sessions._now = sessions._provider._now = sessions._provider.tokens._now = self
        sessions._clock = sessions._store._clock = lambda: time.monotonic() + self.ahead
        portal.provider.now = self

    def __call__(self):
        return time.time() + self.ahead


@pytest.fixture
def clock(portal):
    return Time(portal)


def until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_session_without_a_request_ends(portal, clock):
    portal.log_in()
    for _ in range(5):
        clock.ahead += 1_700
        assert portal.me().status_code == 200
    clock.ahead += 1_801
    assert portal.code(portal.me()) == "session.ended"


def test_a_session_ends_however_busy_it_is(portal, clock, provider):
    portal.log_in()
    for _ in range(43_200 // 1_700):
        clock.ahead += 1_700
        assert portal.me().status_code == 200
    clock.ahead += 1_700
    assert portal.code(portal.me()) == "session.ended"
    assert portal.open("/me").status_code == 303, "a browser is sent to log in again"
    assert provider.grants["refresh_token"] > 10


def test_the_provider_is_asked_again_before_its_word_ends(portal, clock, provider):
    portal.log_in()
    assert portal.me().status_code == 200
    assert provider.grants["refresh_token"] == 0
    clock.ahead = 250  # of 300: nobody waits for it
    provider.claims = {"groups": ["staff", "more"]}
    assert portal.me().json()["roles"] == ["staff"]
    until(lambda: provider.grants["refresh_token"] == 1)
    until(lambda: portal.me().json()["roles"] == ["more", "staff"])
    clock.ahead = 520
    provider.claims = {}
    assert portal.me().status_code == 200
    until(lambda: provider.grants["refresh_token"] == 2)
    until(lambda: portal.me().json()["roles"] == [])
    tokens = [
        said.get("refresh_token") for said in provider.asked if said.get("grant_type") == "refresh_token"
    ]
    assert len(set(tokens)) == 2, "each refresh token is used once"


def test_a_renewal_does_not_make_a_login_young(portal, clock, provider):
    """A subject is revoked for all that he got until then: what is renewed was got before."""
    portal.log_in()
    before = portal.me().json()["claims"]
    clock.ahead = 305
    after = portal.me().json()["claims"]
    assert provider.grants["refresh_token"] == 1
    assert after["groups"] == ["staff"]
    assert (after["iat"], after["nonce"], after["auth_time"]) == tuple(
        before[name] for name in ("iat", "nonce", "auth_time")
    )


def test_many_requests_renew_once(portal, clock, provider):
    portal.log_in()
    clock.ahead = 301
    cookie = {"cookie": f"{SESSION}={portal.client.cookies[SESSION]}"} | SCRIPT

    async def work():
        transport = httpx.ASGITransport(portal.app)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            return await asyncio.gather(*(client.get("/me", headers=cookie) for _ in range(30)))

    assert {answer.status_code for answer in asyncio.run(work())} == {200}
    assert provider.grants["refresh_token"] == 1


def test_claims_that_became_nonsense_let_nobody_in_and_can_be_logged_out(portal, clock, provider):
    portal.log_in()
    provider.claims = {"groups": "staff"}
    clock.ahead = 301
    assert portal.code(portal.me()) == "token.claim"
    assert portal.told_to_log_out().status_code == 200
    assert portal.code(portal.me()) == "session.ended"


@pytest.mark.parametrize("reason", ["invalid_grant", "login_required", "consent_required"])
def test_who_is_logged_out_at_the_provider_is_so_here(portal, clock, provider, reason):
    portal.log_in()
    clock.ahead = 301
    provider.refuses = reason
    assert portal.code(portal.me()) == "session.ended"
    provider.refuses = None
    assert portal.code(portal.me()) == "session.ended"


@pytest.mark.parametrize("claims", [{"sub": "another"}, {"sid": "another"}, {"aud": "another"}, {"nonce": "another"},
                                    {"iss": "https://x"}, {"auth_time": 7}, {"azp": "another"}, {"exp": 1}])  # fmt: skip
def test_a_renewal_that_is_about_another_login(portal, clock, provider, claims):
    portal.log_in()
    clock.ahead = 301
    provider.claims |= claims
    assert portal.code(portal.me()) == "session.ended"


@pytest.mark.parametrize("fault", ["500", "hang", "not-json", "huge", "invalid_client"])
def test_a_provider_out_of_reach_is_waited_for_as_long_as_declared(tmp_path, provider, fault):
    path = portals.configured(tmp_path, provider, session={"outage_seconds": 300})
    portal = portals.Portal(path, provider)
    outbound = portal.gateway.login._provider._outbound
    with portal.client:
        clock = Time(portal)
        portal.log_in()
        if fault == "invalid_client":
            provider.client = ("portal", "rotated")
        else:
            provider.fault, provider.faulty = fault, frozenset({"/token"})
            outbound.timeout = 0.2 if fault == "hang" else outbound.timeout
        for clock.ahead in (250, 301, 599):
            assert portal.me().status_code == 200
        clock.ahead = 601
        for _ in range(2):
            answer = portal.me()
            assert (answer.status_code, answer.json()["code"]) == (503, "session.unavailable")
        assert portal.open("/me").status_code == 503, "logging in again would help nobody"
        provider.fault, provider.client, outbound.timeout = None, ("portal", "secret+of/portal"), 5
        provider.release()
        clock.ahead += 6
        assert portal.me().status_code == 200


def test_keys_rotate_during_a_session(portal, clock, provider):
    portal.log_in()
    provider.rotate(keep=False)
    clock.ahead = 301
    time.sleep(1)  # the cooldown between two fetches for unknown keys
    assert portal.me().status_code == 200
    assert portal.told_to_log_out().status_code == 200
    assert portal.me().status_code == 401


def test_without_a_refresh_token_a_session_lasts_by_itself(portal, clock, provider):
    provider.tokens = {"refresh_token": ...}
    portal.log_in()
    provider.fault = "500"
    for _ in range(10):
        clock.ahead += 1_700
        assert portal.me().status_code == 200


def test_a_provider_that_does_not_say_how_long_is_asked_every_five_minutes(portal, clock, provider):
    provider.tokens = {"expires_in": ...}
    portal.log_in()
    clock.ahead = 200
    assert portal.me().status_code == 200
    assert provider.grants["refresh_token"] == 0
    clock.ahead = 301
    assert portal.me().status_code == 200
    assert provider.grants["refresh_token"] == 1


def test_a_session_in_use_that_is_ended_stays_ended(portal, clock, provider):
    """Whoever renews while it is ended does not bring it back."""
    portal.log_in()
    clock.ahead = 301
    store = portal.gateway.login._sessions._store
    renew = portal.gateway.login._provider.renew

    async def slowly(session):
        found = await renew(session)
        await store.end(next(iter(store._kept)))
        return found

    portal.gateway.login._sessions._provider.renew = slowly
    assert portal.code(portal.me()) == "session.ended"
    assert len(store) == 0


def test_a_provider_that_is_back_is_asked_at_once_by_whoever_waited(portal, clock, provider):
    portal.log_in()
    clock.ahead = 301
    provider.fault, provider.faulty = "500", frozenset({"/token"})
    assert portal.me().status_code == 200
    provider.fault = None
    clock.ahead += 5.1  # it is left alone for five seconds
    assert portal.me().status_code == 200
    assert provider.grants["refresh_token"] == 1


# --- several processes


def on_redis(folder, provider, redis, *keys):
    session = {"store": "redis", "keys": [{"file": key} for key in keys or ("key",)], "timeout_seconds": 5}
    return portals.configured(folder, provider, session=session, gateway={"redis": {"url": redis.url}})


@pytest.fixture
def shared(tmp_path, provider, redis):
    """Two processes of one site, with one provider and one Redis, and one browser."""
    path = on_redis(tmp_path, provider, redis)
    first, second = portals.Portal(path, provider), portals.Portal(path, provider)
    second.client._cookies = first.client._cookies
    with first.client, second.client:
        yield first, second, redis


def test_a_session_is_every_processs(shared):
    first, second, _ = shared
    address = first.begin()
    assert second.come_back(address).status_code == 303, "a login may come back to another process"
    assert first.me().json()["subject"] == "user-1"
    assert first.code(first.come_back(address)) == "login.replayed"
    assert first.told_to_log_out().status_code == 200
    assert [one.me().status_code for one in shared[:2]] == [401, 401]
    first.provider.sid = "session-2"
    first.log_in()
    assert second.client.post(f"{PATH}/logout", headers={"origin": URL}).status_code == 303
    assert [one.me().status_code for one in shared[:2]] == [401, 401]


def test_a_subject_that_is_revoked_is_logged_out_everywhere_and_may_log_in_again(tmp_path, provider, redis):
    path = on_redis(tmp_path, provider, redis)
    whole = json.loads(path.read_text())
    whole["gateway"]["revocation"] = {"poll_seconds": 0.1}
    path.write_text(json.dumps(whole))
    portal = portals.Portal(path, provider)
    with portal.client:
        portal.log_in()
        assert portal.me().status_code == 200
        words = ["--subject", "-", "--issuer", provider.issuer, "--config", path]
        subprocess.run(
            [GUARITA, "gateway", "revoke", *words], check=True, capture_output=True, input=b"user-1\n"
        )
        until(lambda: portal.me().status_code == 401)
        assert portal.me().json()["code"] == "token.revoked"
        ahead = 305
        sessions = portal.gateway.login._sessions
        sessions._now = sessions._provider._now = sessions._provider.tokens._now = lambda: time.time() + ahead
        assert portal.me().status_code == 401, "a renewal is no new login"
        assert provider.grants["refresh_token"] == 1
        provider.now = lambda: time.time() + 5  # a login of a later second
        assert portal.open("/me").status_code == 303
        portal.log_in()
        assert portal.me().status_code == 200


def test_an_order_to_log_out_counts_once_in_all_processes(shared):
    first, second, _ = shared
    token = first.provider.logout_token()
    assert first.told_to_log_out(token=token).status_code == 200
    assert second.told_to_log_out(token=token).json()["code"] == "logout.replayed"


def test_one_process_renews_for_all(tmp_path, provider, redis):
    path = on_redis(tmp_path, provider, redis)
    processes = [portals.Portal(path, provider) for _ in range(2)]
    ahead = [0.0]
    for portal in processes:
        sessions = portal.gateway.login._sessions
        sessions._now = sessions._provider._now = sessions._provider.tokens._now = lambda: (
            time.time() + ahead[0]
        )

    async def work():
        async with contextlib.AsyncExitStack() as stack:
            one, two = [
                await stack.enter_async_context(
                    httpx.AsyncClient(transport=httpx.ASGITransport(portal.app), base_url=URL)
                )
                for portal in processes
            ]
            there = await one.get(f"{PATH}/start")
            answer = await asyncio.to_thread(httpx.get, there.headers["location"], timeout=60)
            back = await one.get(answer.headers["location"])
            value = back.headers["set-cookie"].partition("=")[2].partition(";")[0]
            cookie = {"cookie": f"{SESSION}={value}"} | SCRIPT
            ahead[0] = 301
            asking = [client.get("/me", headers=cookie) for client in (one, two) for _ in range(8)]
            found = await asyncio.gather(*asking)
            for portal in processes:
                await portal.gateway.aclose()
            return found

    assert {answer.status_code for answer in asyncio.run(work())} == {200}
    assert provider.grants["refresh_token"] == 1


@pytest.mark.parametrize("how", ["killed", "hanging"])
def test_while_redis_is_gone_nobody_is_let_in_and_nobody_is_logged_out(shared, how):
    first, _, redis = shared
    first.log_in()
    address = first.begin()
    store = first.gateway.login._sessions._store
    store._timeout = 0.5
    (redis.pause if how == "hanging" else redis.kill)()
    try:
        for answer in (first.me(), first.open("/me"), first.come_back(address),
                       first.client.post(f"{PATH}/logout", headers={"origin": URL}), first.told_to_log_out()):  # fmt: skip
            assert answer.status_code == 503
            assert first.code(answer) == "session.unavailable"
            assert "set-cookie" not in answer.headers
        assert first.open("/health").status_code == 200
        assert first.open(f"{PATH}/start").status_code == 303
    finally:
        redis.resume()
    if how == "killed":
        redis.start()
    store._timeout = 5
    until(lambda: first.me().status_code != 503)
    assert first.me().status_code == (200 if how == "hanging" else 401)
    first.log_in()
    assert first.me().status_code == 200


def test_a_token_that_was_renewed_while_redis_was_gone_is_kept_when_it_is_back(shared):
    first, _, redis = shared
    first.log_in()
    sessions = first.gateway.login._sessions
    sessions._now = sessions._provider.tokens._now = lambda: time.time() + 301
    renew = sessions._provider.renew

    async def meanwhile(session):
        found = await renew(session)
        sessions._store._timeout = 0.5
        redis.pause()

        def back():
            redis.resume()
            sessions._store._timeout = 5

        asyncio.get_running_loop().call_later(1.2, back)
        return found

    sessions._provider.renew = meanwhile
    assert first.me().status_code == 200
    sessions._provider.renew = renew
    sessions._now = sessions._provider.tokens._now = lambda: time.time() + 700
    until(lambda: first.me().status_code == 200)
    assert first.provider.grants["refresh_token"] == 2


def test_a_key_is_replaced_without_logging_anybody_out(tmp_path, redis, provider):
    def process(*keys):
        path = on_redis(tmp_path, provider, redis, *keys)
        (tmp_path / "new").write_text("another key of the tests, of 32 characters or more")
        return portals.Portal(path, provider)

    old, both, new = process("key"), process("new", "key"), process("new")
    with old.client:
        old.log_in()
    both.client._cookies = new.client._cookies = old.client._cookies
    with both.client:
        assert both.me().status_code == 200
        assert both.told_to_log_out(sid=...).status_code == 200
        assert both.me().status_code == 401
        provider.claims |= {"iat": int(time.time()) + 5}
        both.log_in()
    with new.client:
        assert new.me().status_code == 200
