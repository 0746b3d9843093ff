"""What somebody tries who wants another's session, or wants another in his own."""

import asyncio
import contextlib
import hashlib
import time
from urllib.parse import urlsplit

import httpx
import msgspec
import portal as portals
import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal import BROWSER, PATH, SCRIPT, SESSION, URL

from guarita.gateway.login import attempt
from guarita.gateway.login.interface import LoginError
from guarita.gateway.testing.provider import LocalProvider
from guarita.gateway.testing.signing import SigningKey, b64


def refused(portal, answer, code, status=400):
    assert (answer.status_code, portal.code(answer)) == (status, code)
    assert SESSION not in answer.cookies
    return True


# --- the answer of the provider


def test_a_state_counts_in_the_browser_that_it_was_made_for(portal):
    address = portal.begin()
    victim = portal.browser()
    assert refused(portal, portal.come_back(address, victim), "login.state"), "without a login of his own"
    portal.begin(client=victim)
    assert refused(portal, portal.come_back(address, victim), "login.state"), (
        "login CSRF: another's code and state"
    )
    assert portal.come_back(address).status_code == 303


def test_a_code_is_swapped_into_anothers_login(portal, provider):
    """The attacker's own code, with the state of the victim: PKCE and the nonce bind the code to its own login."""
    victim = portal.browser()
    provider.subject = "attacker"
    stolen = httpx.URL(portal.begin()).params["code"]
    provider.subject = "victim"
    mine = httpx.URL(portal.begin(client=victim))
    address = str(mine.copy_set_param("code", stolen))
    assert refused(portal, portal.come_back(address, victim), "login.code")


def test_a_provider_that_forgets_pkce_is_caught_by_the_nonce(portal, provider):
    first = httpx.URL(portal.begin()).params["code"]
    address = httpx.URL(portal.begin())
    # As if it checked nothing of the code but that it exists.
    checked, mine = (provider._codes[code][0] for code in (first, address.params["code"]))
    checked["code_challenge"] = mine["code_challenge"]
    assert refused(portal, portal.come_back(str(address.copy_set_param("code", first))), "login.id-token")


def test_an_answer_counts_once(portal, provider):
    address = portal.begin()
    assert portal.come_back(address).status_code == 303
    session = portal.client.cookies[SESSION]
    assert refused(portal, portal.come_back(address), "login.replayed")
    assert provider.grants["authorization_code"] == 1
    assert portal.client.cookies[SESSION] == session, "the session that there is goes on"


def test_an_answer_that_failed_is_used_up_too(portal, provider):
    address = portal.begin()
    provider.refuses = "invalid_grant"
    assert refused(portal, portal.come_back(address), "login.code")
    provider.refuses = None
    assert refused(portal, portal.come_back(address), "login.replayed")


def test_an_answer_that_comes_late(portal):
    address = portal.begin()
    portal.gateway.login._now = lambda: time.time() + attempt.TERM + 1
    assert refused(portal, portal.come_back(address), "login.expired")


CHANGES = (
    lambda state: "",
    lambda state: state[:-1],
    lambda state: state + "A",
    lambda state: state + "=",
    lambda state: state[:60] + ("A" if state[60] != "A" else "B") + state[61:],
    lambda state: b64(b"\x01" + b"\x00" * 90),
    lambda state: "A" * 9_000,
    lambda state: "%00",
)  # fmt: skip


def test_a_state_that_was_changed(portal):
    address = httpx.URL(portal.begin())
    for change in CHANGES:
        changed = str(address.copy_set_param("state", change(address.params["state"])))
        assert refused(portal, portal.come_back(changed), "login.state")
    assert portal.come_back(str(address)).status_code == 303, "none of them used it up"


@pytest.mark.parametrize("iss", [..., "", "https://id.evil.example", "HTTP://127.0.0.1"])
def test_mix_up_an_answer_says_whose_it_is(portal, provider, iss):
    """RFC 9207: the provider says that it always names itself, so an answer without a name is somebody else's."""
    provider.response = {"iss": iss}
    assert refused(portal, portal.come_back(portal.begin()), "login.issuer")
    assert not provider.grants


def test_mix_up_with_a_second_provider(portal, provider):
    """The attacker's provider gets our browser's request, and answers with a code of the honest one."""
    with LocalProvider() as evil:
        there = portal.open(f"{PATH}/start")
        honest = httpx.URL(there.headers["location"])
        diverted = httpx.URL(f"{evil.issuer}/authorize").copy_merge_params(dict(honest.params))
        back = httpx.get(diverted, timeout=60).headers["location"].removeprefix(URL)
        assert refused(portal, portal.come_back(back), "login.issuer")
        assert [said.get("code") for said in evil.asked] == [None], "no code was ever sent there"


def test_a_provider_that_does_not_name_itself_is_taken_as_it_says(tmp_path, provider):
    provider.metadata = {"authorization_response_iss_parameter_supported": ...}
    portal = portals.Portal(portals.configured(tmp_path, provider), provider)
    with portal.client:
        provider.response = {"iss": ...}
        portal.log_in()
        provider.response = {"iss": "https://id.evil.example"}
        address = portal.begin()
        answer = portal.come_back(address)
        assert (answer.status_code, portal.code(answer)) == (400, "login.issuer")


def test_parameters_that_stand_twice(portal):
    address = portal.begin()
    for more in ("&code=x", "&state=x", "&iss=x", "&%63ode=x", "&x=1&x=2"):
        assert refused(portal, portal.come_back(address + more), "login.callback")
    for query in ("?", "?%ff=1", "?" + "a" * 20_000, "?" + "&".join(f"a{n}=1" for n in range(100))):
        answer = portal.come_back(f"{PATH}/callback{query}")
        assert answer.status_code == 400


def test_an_answer_without_a_code_and_one_that_says_no(portal, provider):
    provider.response = {"code": ...}
    assert refused(portal, portal.come_back(portal.begin()), "login.callback")
    provider.response = {"code": ..., "error": "access_denied"}
    answer = portal.come_back(portal.begin())
    assert refused(portal, answer, "login.denied", 403)
    assert "access_denied" in answer.text
    provider.response = {"code": ..., "error": "canary-error"}
    assert "canary" not in portal.come_back(portal.begin()).text


# --- the ID token


CLAIMS = (
    {"iss": "https://id.evil.example"}, {"iss": ...}, {"aud": "another"}, {"aud": ...}, {"aud": []},
    {"aud": ["portal", "another"]}, {"aud": ["portal", "another"], "azp": "another"}, {"azp": "another"},
    {"azp": ["portal"]}, {"nonce": "another"}, {"nonce": ...}, {"nonce": 7}, {"nonce": None}, {"sub": ...},
    {"sub": ""}, {"sub": 7}, {"exp": ...}, {"exp": 1}, {"exp": "9999999999"}, {"iat": ...},
    {"iat": 9_999_999_999}, {"nbf": 9_999_999_999}, {"at_hash": "another"}, {"at_hash": 7}, {"c_hash": "x"},
    {"big": 10**30}, {"sid": 7}, {"sid": "a\nb"}, {"groups": "staff"}, {"groups": [1]},
)  # fmt: skip


def test_an_id_token_that_says_something_else(portal, provider):
    for claims in CLAIMS:
        provider.claims = {"groups": ["staff"]} | claims
        answer = portal.come_back(portal.begin())
        assert (answer.status_code, portal.code(answer)) == (400, "login.id-token"), claims
        assert SESSION not in answer.cookies
    assert portal.me().status_code == 401
    assert provider.grants["authorization_code"] == len(CLAIMS)


HEADERS = (
    {"alg": "none"}, {"alg": "HS256"}, {"alg": "ES384"}, {"typ": "at+jwt"}, {"typ": "logout+jwt"}, {"kid": "x"},
    {"jwk": {}}, {"crit": ["x"]}, {"jku": "https://evil.example"},
)  # fmt: skip


def test_an_id_token_in_another_envelope(portal, provider):
    for provider.header in HEADERS:
        answer = portal.come_back(portal.begin())
        assert portal.code(answer) == "login.id-token", provider.header
    assert portal.me().status_code == 401


def test_an_id_token_that_somebody_else_signed(portal, provider):
    provider.signed_by = SigningKey.new("ES256", provider.keys[-1].kid)
    assert refused(portal, portal.come_back(portal.begin()), "login.id-token")


def test_an_access_token_in_the_place_of_an_id_token(portal, provider):
    provider.tokens = {"id_token": provider.mint(aud="portal", groups=["staff"])}
    assert refused(portal, portal.come_back(portal.begin()), "login.id-token")


def test_an_id_token_with_the_hash_of_its_access_token(portal, provider):
    provider.tokens = {"access_token": "of-the-tests"}
    provider.claims |= {"at_hash": b64(hashlib.sha256(b"of-the-tests").digest()[:16]), "azp": "portal"}
    portal.log_in()


ANSWERS = (
    {"id_token": ...}, {"id_token": ""}, {"access_token": ...}, {"access_token": "a\r\nb"}, {"token_type": ...},
    {"token_type": "mac"}, {"token_type": "DPoP"}, {"expires_in": "300"}, {"expires_in": True},
    {"expires_in": 0}, {"expires_in": 1e300}, {"refresh_token": 7}, {"scope": ["openid"]},
)  # fmt: skip


def test_an_answer_of_the_token_endpoint_that_cannot_be_read(portal, provider):
    for provider.tokens in ANSWERS:
        answer = portal.come_back(portal.begin())
        wanted = {(503, "login.unavailable"), (400, "login.id-token")}
        assert (answer.status_code, portal.code(answer)) in wanted, provider.tokens
        assert SESSION not in answer.cookies


def test_an_authentication_that_is_too_old(tmp_path, provider):
    portal = portals.Portal(portals.configured(tmp_path, provider, max_age=60), provider)
    with portal.client:
        for auth_time in (time.time() - 120, ..., "now", time.time() + 120):
            provider.claims = {"auth_time": auth_time}
            assert refused(portal, portal.come_back(portal.begin()), "login.id-token")
        provider.claims = {"auth_time": time.time() - 30}
        portal.log_in()
        assert provider.asked[0]["max_age"] == "60"


# --- where a login leads


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example", "/\\evil.example", "https://evil.example", "evil.example", "javascript:alert(1)", "",
        "/a#b", "/a b", "/caf\xe9",
    ],
)  # fmt: skip
def test_a_login_leads_back_to_this_site_and_nowhere_else(portal, target):
    answer = portal.open(f"{PATH}/start?return={target}")
    if answer.status_code == 303:
        # A client encodes what may not stand there; what comes of it is one of our paths still.
        back = portal.come_back(portal.begin(target))
        assert back.headers["location"].startswith(f"{URL}/")
        assert not back.headers["location"].startswith(f"{URL}//")
    else:
        assert refused(portal, answer, "login.return")


@pytest.mark.parametrize("raw", [b"return=//evil.example", b"return=/\\e", b"return=https://e", b"return=", b"next=/a",
                                 b"return=/a\r\nb", b"return=/a#b", b"return=\xe9", b"return"])  # fmt: skip
def test_what_is_no_path_of_ours(raw):
    with pytest.raises(LoginError, match="leads back to a path"):
        attempt.target_in(raw)


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda raw: b"return=/" + raw)))
def test_whatever_is_asked_for_a_login_leads_to_a_path_of_ours(raw):
    target = "/"
    with contextlib.suppress(LoginError):
        target = attempt.target_in(raw)
    where = urlsplit(URL + target)
    assert (where.scheme, where.netloc, where.fragment) == ("https", "portal.example.com", "")
    assert target.isascii()
    assert target.isprintable()
    assert not target.startswith(("//", "/\\"))


def test_what_is_too_long_leads_to_the_beginning():
    assert attempt.target_in(b"return=/" + b"a" * 2_000) == "/"
    assert attempt.target_in(b"") == "/"
    assert attempt.target_in(b"return=/a?b=//c&return=/d") == "/a?b=//c&return=/d"


def test_a_login_is_begun_by_going_there(portal):
    for mode in ("no-cors", "cors", "websocket", "same-origin"):
        answer = portal.open(f"{PATH}/start", **{"sec-fetch-mode": mode, "sec-fetch-site": "cross-site"})
        assert refused(portal, answer, "login.navigation")
        assert BROWSER not in answer.cookies


# --- the cookie


def test_whose_cookie_stands_twice_is_refused(portal):
    """Cookie tossing: what two readers read differently."""
    portal.log_in()
    mine = portal.client.cookies[SESSION]
    other_browser = portal.browser()
    for line in (
        f"{SESSION}={mine}; {SESSION}={'x' * 43}",
        f"{SESSION}={'x' * 43}; {SESSION}={mine}",
        f"{SESSION}={mine}; a=b; {SESSION}={mine}",
    ):
        answer = portal.me(other_browser, cookie=line)
        assert (answer.status_code, portal.code(answer)) == (400, "session.cookie")
    two = [("cookie", f"{SESSION}={mine}"), ("cookie", f"{SESSION}={mine}"), *SCRIPT.items()]
    assert portal.code(other_browser.get("/me", headers=two)) == "session.cookie"
    parted = [("cookie", "a=b"), ("cookie", f"{SESSION}={mine}"), *SCRIPT.items()]
    assert other_browser.get("/me", headers=parted).status_code == 200, "HTTP/2 may part it"


def test_a_name_that_looks_like_the_cookies_is_another(portal):
    portal.log_in()
    mine = portal.client.cookies[SESSION]
    for line in (
        f"__host-guarita={mine}", f"__HOST-guarita={mine}", f"={SESSION}={mine}", f" x{SESSION}={mine}",
        f"\x0b{SESSION}={mine}", f"guarita={mine}", f'"{SESSION}"={mine}', f"%5F_Host-guarita={mine}",
        f"{SESSION} ={mine}",
):  # fmt: skip
        answer = portal.me(portal.browser(), cookie=line)
        assert (answer.status_code, portal.code(answer)) == (401, "credential.missing")
    for value in ("", f'"{mine}"', mine + "=", mine[:-1], mine + "A", f"{mine}%00", "\xff" * 43):
        answer = portal.me(portal.browser(), cookie=f"{SESSION}={value}".encode("latin-1"))
        assert (answer.status_code, portal.code(answer)) == (401, "session.ended")


def test_a_session_that_somebody_made_up_or_knew_before_is_nobodys(portal):
    known = "k" * 43
    for name in (SESSION, BROWSER):
        portal.client.cookies.set(name, known, domain="portal.example.com")
    portal.log_in()
    stranger = portal.browser()
    stranger.cookies.set(SESSION, known)
    assert portal.code(portal.me(stranger)) == "session.ended", "session fixation"


def test_the_store_holds_no_identifier_and_no_token(portal, provider):
    portal.log_in()
    store = portal.gateway.login._sessions._store
    held = repr({key: kept.record for key, kept in store._kept.items()}) + repr(store._named)
    for secret in (portal.client.cookies[SESSION], "user-1", "session-1", provider.issuer, "staff"):
        assert secret not in held
        assert secret.encode().hex() not in held
    assert len(store) == 1


def test_a_record_serves_under_its_own_key_only(portal):
    """Who can write to the store cannot give one person another's session."""
    ana, bia = portal.browser(), portal.browser()
    portal.log_in(client=ana)
    portal.log_in(client=bia)
    store = portal.gateway.login._sessions._store
    first, second = store._kept.values()
    first.record = second.record
    assert sorted([portal.me(ana).status_code, portal.me(bia).status_code]) == [200, 401]


# --- another site


SITES = (
    ("POST", {"origin": URL}, 200),
    ("POST", {"origin": URL, "sec-fetch-site": "same-origin"}, 200),
    ("POST", {"sec-fetch-site": "same-origin"}, 200),
    ("POST", {"sec-fetch-site": "same-origin", "origin": "null"}, 200),  # `Referrer-Policy: no-referrer`
    ("POST", {"sec-fetch-site": "none"}, 200),
    ("POST", {}, 403),
    ("POST", {"origin": "null"}, 403),
    ("POST", {"origin": "https://evil.example"}, 403),
    ("POST", {"origin": f"{URL}.evil.example"}, 403),
    ("POST", {"origin": "http://portal.example.com"}, 403),
    ("POST", {"origin": f"{URL}:8443"}, 403),
    ("POST", {"origin": f"{URL}/"}, 403),
    ("POST", {"origin": "https://docs.example.com", "sec-fetch-site": "same-site"}, 403),
    ("POST", {"sec-fetch-site": "same-site"}, 403),
    ("POST", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 403),
    ("POST", {"sec-fetch-site": "nonsense"}, 403),
    ("POST", {"sec-fetch-site": "same-origin", "origin": "https://evil.example"}, 403),
    ("PUT", {"sec-fetch-site": "cross-site"}, 403),
    ("GET", {}, 200),
    ("GET", {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, 200),
    ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 200),
    ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, 403),
    ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"}, 403),
    ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
    ("GET", {"origin": "https://evil.example"}, 403),
    ("GET", {"origin": "null"}, 403),
)  # fmt: skip


def test_another_site_uses_no_session(portal):
    portal.log_in()
    for method, headers, status in SITES:
        answer = portal.client.request(method, "/me", headers=headers)
        assert answer.status_code == status, (method, headers)
        if status == 403:
            assert answer.json()["code"] == "session.cross-site"
            assert "www-authenticate" not in answer.headers


def test_a_header_of_the_browsers_that_stands_twice(portal):
    portal.log_in()
    two = [("origin", URL), ("origin", "https://evil.example")]
    assert portal.client.post("/me", headers=two).json()["code"] == "request.repeated-header"


def test_a_declared_site_may_and_its_neighbours_may_not(tmp_path, provider):
    session = {"origins": ["https://app.example.com"]}
    portal = portals.Portal(portals.configured(tmp_path, provider, session=session), provider)
    with portal.client:
        portal.log_in()
        for origin, status in (("https://app.example.com", 200), ("https://docs.example.com", 403)):
            headers = {"origin": origin, "sec-fetch-site": "same-site"}
            assert portal.client.post("/me", headers=headers).status_code == status
            assert portal.client.get("/me", headers=headers).status_code == status


# --- logout tokens


def tampered(token):
    head, body, signature = token.split(".")
    return f"{head}.{body[:-4]}AAAA.{signature}"


FORGED = (
    {"nonce": "x"}, {"events": ...}, {"events": {}}, {"events": []}, {"events": {"x": {}}},
    {"events": {"http://schemas.openid.net/event/backchannel-logout": True}}, {"sub": ..., "sid": ...},
    {"sid": 7}, {"sid": "", "sub": ...}, {"sub": ""}, {"jti": ...}, {"jti": 7}, {"iat": ...}, {"iat": 1, "exp": 9_999_999_999},
    {"iat": 9_999_999_999}, {"exp": ...}, {"exp": 1}, {"aud": "another"}, {"iss": "https://id.evil.example"},
    {"header": {"typ": "jwt"}}, {"header": {"typ": ...}}, {"header": {"typ": "at+jwt"}}, {"header": {"alg": "none"}},
    {"header": {"alg": "HS256"}}, {"header": {"kid": "another"}},
)  # fmt: skip


def test_a_forged_logout_token_ends_nothing(portal):
    portal.log_in()
    for claims in FORGED:
        answer = portal.told_to_log_out(**claims)
        assert (answer.status_code, answer.json()["code"]) == (400, "logout.token"), claims
    assert portal.me().status_code == 200


def test_other_tokens_end_nothing(portal, provider):
    portal.log_in()
    for token in (
        "", "x", "a.b.c", provider.id_token(nonce="x"), provider.id_token(nonce=...), provider.mint(aud="portal"),
        tampered(provider.logout_token()),
        SigningKey.new("ES256", provider.keys[-1].kid).sign({"alg": "ES256", "typ": "logout+jwt"}, {}),
    ):  # fmt: skip
        answer = portal.client.post(f"{PATH}/backchannel", data={"logout_token": token})
        assert (answer.status_code, answer.json()["code"]) == (400, "logout.token")
    assert portal.me().status_code == 200


def test_a_logout_token_counts_once(portal, provider):
    token = provider.logout_token(sid=...)
    assert portal.told_to_log_out(token=token).status_code == 200
    provider.claims |= {"iat": int(time.time()) + 5}  # after that logout, by the provider's clock
    portal.log_in()
    answer = portal.told_to_log_out(token=token)
    assert (answer.status_code, answer.json()["code"]) == (400, "logout.replayed")
    assert portal.me().status_code == 200


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", {"content-type": "application/x-www-form-urlencoded", "content-length": "0"}),
        (b"logout_token=a&logout_token=b", {"content-type": "application/x-www-form-urlencoded"}),
        (b"x" * 100_000, {"content-type": "application/x-www-form-urlencoded"}),
        (b"logout_token=%ff", {"content-type": "application/x-www-form-urlencoded"}),
        (b'{"logout_token": "a"}', {"content-type": "application/json"}),
        (b"logout_token=a", {}),
    ],
)
def test_a_form_that_is_none(portal, content, headers):
    answer = portal.client.post(f"{PATH}/backchannel", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) in {(400, "logout.form"), (400, "logout.token")}
    assert portal.open(f"{PATH}/backchannel").status_code == 405


# --- what is said


def test_no_token_is_in_a_representation(portal):
    portal.log_in()
    sessions = portal.gateway.login._sessions
    session = asyncio.run(sessions.find(portal.client.cookies[SESSION], touch=False))
    assert session.access_token
    shown = [repr(session), str(session), f"{session}", repr([session])]
    shown += [repr(portal.gateway.login._sealer), repr(attempt.begin("/", 0.0))]
    for secret in (session.access_token, session.id_token, session.refresh_token, "user-1"):
        assert not [text for text in shown if secret in text]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(session), type=type(session)) == session


def test_nothing_of_a_login_is_logged(portal, provider, caplog):
    caplog.set_level(0)
    provider.tokens = {"access_token": "canary-access", "refresh_token": "canary-refresh"}
    portal.log_in()
    provider.refuses = "invalid_grant"
    address = portal.begin()
    answer = portal.come_back(address)
    assert "canary-description" not in answer.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("guarita")]
    state = httpx.URL(address).params
    for secret in ("canary", portal.client.cookies[SESSION], state["code"], state["state"], "secret+of"):
        assert not [line for line in ours if secret in line]


def test_the_login_has_limits_like_everything(tmp_path, provider):
    rule = {"name": "guessing", "quota": 3, "window": 60, "by": "client", "counts": "arriving"}
    path = portals.configured(tmp_path, provider, gateway={"limits": {"rules": [rule]}})
    portal = portals.Portal(path, provider)
    with portal.client:
        answers = [portal.open(f"{PATH}/start").status_code for _ in range(5)]
        last = portal.open(f"{PATH}/callback")
    assert answers == [303, 303, 303, 429, 429]
    assert (last.status_code, int(last.headers["retry-after"]) > 0) == (429, True)
