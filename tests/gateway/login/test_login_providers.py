"""Logging in at two real providers over real HTTP: a certified OpenID provider, by its own pages, and OpenBao's identity."""

import asyncio
import base64
import contextlib
import json
import time
import urllib.parse
import urllib.request

import formbrowser
import hvac
import openidprovider
import portal as portals
import pytest
import servers
from cryptography.hazmat.primitives import serialization
from portal import PATH, SCRIPT

from guarita.gateway import Gateway
from guarita.gateway.clients import Clients, TokenRefusedError
from guarita.gateway.testing.signing import SigningKey

pytestmark = pytest.mark.servers
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """Two sites with one provider; of two hosts, since cookies know no ports."""
    folder = tmp_path_factory.mktemp("sites")
    ports = [servers.free_port(), servers.free_port()]
    urls = [f"http://{host}:{port}" for host, port in zip(("127.0.0.1", "localhost"), ports, strict=True)]
    clients = [portals.registered(name, url) for name, url in zip(("portal", "intranet"), urls, strict=True)]
    service = portals.registered("service", urls[0]) | {
        "grant_types": [EXCHANGE],
        "response_types": [],
        "redirect_uris": [],
    }
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(openidprovider.openid_provider(folder, clients=[*clients, service]))
        made = []
        for client, url, port in zip(clients, urls, ports, strict=True):
            path = portals.configured(
                folder / client["client_id"], provider, client=client["client_id"], secret=client["client_secret"],
                url=url, scopes=["openid", "offline_access"], parameters={"prompt": "consent"}, after_logout="/health",
            )  # fmt: skip
            gateway = Gateway.from_file(path)
            stack.enter_context(portals.served(portals.site(gateway), port=port))
            made.append((url, gateway))
        yield provider, *made


@pytest.fixture
def browser():
    with formbrowser.browser() as opened:
        yield opened


def test_from_a_page_to_the_provider_and_back(sites, browser):
    provider, (url, _), _ = sites
    page = browser.go(f"{url}/me?x=1")
    assert str(page.url).startswith(f"{provider.issuer}/interaction/")
    page = browser.log_in(page, "ana")
    assert str(page.url) == f"{url}/me?x=1"
    who = page.json()
    assert (who["subject"], who["issuer"], who["roles"]) == ("ana", provider.issuer, ["staff"])
    assert who["scopes"] == ["offline_access", "openid"]
    assert browser.go(f"{url}/docs").status_code == 200
    sent = [str(answer.request.url) for answer in browser.seen]
    callback = next(address for address in sent if "/callback?" in address)
    assert f"iss={urllib.parse.quote_plus(provider.issuer)}" in callback
    again = browser.ask("GET", callback)
    assert again.status_code == 400
    assert "login.replayed" in again.text


def test_whoever_says_no_there_is_not_logged_in(sites, browser):
    provider, (url, _), _ = sites
    page = browser.go(f"{url}/me")
    uid = str(page.url).rpartition("/")[2]
    answer = browser.go(f"{provider.issuer}/interaction/{uid}/abort")
    assert answer.status_code == 403
    assert "access_denied" in answer.text
    assert browser.cookie(portals.SESSION) is None


def test_refresh_tokens_rotate_and_keys_too_during_a_session(sites, browser):
    provider, (url, gateway), _ = sites
    browser.log_in(browser.go(f"{url}/me"), "bia")
    sessions = gateway.login._sessions
    asked = []
    ask = sessions._provider.tokens.ask

    async def watched(grant):
        issued = await ask(grant)
        asked.append((grant.get("refresh_token"), issued.refresh_token))
        return issued

    sessions._provider.tokens.ask = watched
    ahead = [0.0]
    sessions._now = sessions._provider.tokens._now = lambda: time.time() + ahead[0]
    try:
        for turn in (1, 2, 3):
            ahead[0] = turn * 650.0
            assert browser.ask("GET", f"{url}/me", headers=SCRIPT).json()["subject"] == "bia"
            provider.rotate("drop")
            time.sleep(1.1)  # the cooldown between two fetches for unknown keys
        (first, second), (used, third), (last, _) = asked
        assert (used, last) == (second, third)
        assert len({first, second, third}) == 3
        # The first one again, as a thief would: the provider ends the login, and so it is here.
        form = {"grant_type": "refresh_token", "refresh_token": first}
        identified, headers = sessions._provider._client.identify(form)
        body = urllib.parse.urlencode(identified).encode()
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(
                urllib.request.Request(f"{provider.issuer}/token", body, headers), timeout=20
            )
        ahead[0] = 4 * 650.0
        answer = browser.ask("GET", f"{url}/me", headers=SCRIPT)
        assert (answer.status_code, answer.json()["code"]) == (401, "session.ended")
    finally:
        sessions._now = sessions._provider.tokens._now = time.time
        sessions._provider.tokens.ask = ask


def test_logging_out_of_one_site_ends_the_others_by_the_providers_word(sites, browser):
    provider, (portal, _), (intranet, gateway) = sites
    browser.log_in(browser.go(f"{portal}/me"), "caio")
    page = browser.log_in(browser.go(f"{intranet}/me"), "caio")
    assert page.json()["subject"] == "caio", "without a second password: the provider knows him"
    with formbrowser.browser() as other:
        other.log_in(other.go(f"{intranet}/me"), "caio")
        page = browser.ask(
            "POST", f"{portal}{PATH}/logout", headers={"origin": portal, "sec-fetch-site": "same-origin"}
        )
        assert page.headers["location"].startswith(f"{provider.issuer}/session/end?")
        page = browser.go(page.headers["location"])
        # The provider asks whether its own session ends as well.
        page = browser.submit(page, logout="yes")
        assert str(page.url) == f"{portal}/health"
        for site in (portal, intranet):
            assert browser.ask("GET", f"{site}/me", headers=SCRIPT).json()["code"] in {
                "session.ended",
                "credential.missing",
            }
        assert other.ask("GET", f"{intranet}/me", headers=SCRIPT).status_code == 200, (
            "another login of his goes on"
        )
    assert gateway


def test_a_service_calls_another_for_who_is_logged_in(tmp_path, sites, browser):
    provider, (url, gateway), _ = sites
    browser.log_in(browser.go(f"{url}/me"), "fia")
    cookie = f"{portals.SESSION}={browser.cookie(portals.SESSION)}".encode()
    token = asyncio.run(gateway.login.access_token([(b"cookie", cookie)]))
    (tmp_path / "secret").write_text("secret+of/service")
    section = {
        "issuer": provider.issuer, "client": {"id": "service", "secret": {"file": "secret"}},
        "targets": ["https://search.internal"], "audience": openidprovider.JWT, "insecure_loopback": True,
    }  # fmt: skip
    (tmp_path / "guarita.yaml").write_text(json.dumps({"gateway": {"clients": {"search": section}}}))
    search = Clients.from_file(tmp_path / "guarita.yaml")["search"]

    async def work():
        given = await search.on_behalf_of(token).issued()
        with pytest.raises(TokenRefusedError) as caught:
            await search.on_behalf_of("nobody's").issued()
        return given, caught.value.reason

    given, reason = asyncio.run(work())
    claims = json.loads(base64.urlsafe_b64decode(given.access_token.split(".")[1] + "=="))
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("fia", "service", openidprovider.JWT)
    assert reason == "invalid_grant"


def test_a_client_that_signs_instead_of_knowing_a_secret(tmp_path, browser):
    key = SigningKey.new("ES256", "client-key")
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    client = portals.registered("portal", url) | {
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.public()]},
    }
    del client["client_secret"]
    with openidprovider.openid_provider(tmp_path, clients=[client]) as provider:
        path = portals.configured(
            tmp_path / "site", provider, url=url, client="portal",
        )  # fmt: skip
        pem = key.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (path.parent / "client.pem").write_bytes(pem)
        whole = json.loads(path.read_text())
        whole["gateway"]["login"]["client"] = {
            "id": "portal",
            "key": {"file": "client.pem"},
            "key_id": "client-key",
        }
        path.write_text(json.dumps(whole))
        with portals.served(portals.site(Gateway.from_file(path)), port=port):
            assert browser.log_in(browser.go(f"{url}/me"), "davi").json()["subject"] == "davi"


def test_openbaos_identity_as_the_provider(tmp_path, openbao, browser):
    """OpenBao's page is a part of its own interface, which its API stands in for here: the code comes from the same place."""
    root = hvac.Client(openbao, token=servers.BAO_TOKEN)
    root.secrets.identity.configure_tokens_backend(issuer=openbao)
    entity = root.secrets.identity.create_or_update_entity(name="eva")["data"]["id"]
    root.sys.enable_auth_method("userpass", path="people")
    accessor = root.sys.list_auth_methods()["data"]["people/"]["accessor"]
    root.secrets.identity.create_or_update_entity_alias(
        name="eva", canonical_id=entity, mount_accessor=accessor
    )
    root.sys.create_or_update_policy(
        "login", 'path "identity/oidc/provider/default/authorize" { capabilities = ["read", "update"] }'
    )
    root.auth.userpass.create_or_update_user(
        "eva", password="of the tests", policies=["login"], mount_point="people"
    )
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    root.write_data(
        "identity/oidc/client/portal",
        data={"redirect_uris": [f"{url}{PATH}/callback"], "assignments": ["allow_all"], "key": "default"},
    )
    client = root.read("identity/oidc/client/portal")["data"]

    class Bao:
        issuer = f"{openbao}/v1/identity/oidc/provider/default"

    path = portals.configured(
        tmp_path / "site", Bao, client=client["client_id"], secret=client["client_secret"], url=url
    )
    with portals.served(portals.site(Gateway.from_file(path)), port=port):
        there = browser.go(f"{url}/me", until=f"{openbao}/ui/")
        asked = urllib.parse.urlsplit(there.headers["location"])
        eva = hvac.Client(openbao)
        eva.auth.userpass.login("eva", "of the tests", mount_point="people")
        request = urllib.request.Request(
            f"{Bao.issuer}/authorize?{asked.query}", headers={"X-Vault-Token": eva.token}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            said = json.load(answer)
        page = browser.go(f"{url}{PATH}/callback?" + urllib.parse.urlencode(said))
        who = page.json()
        assert (who["subject"], who["issuer"], who["by"]) == (entity, Bao.issuer, "session")
        assert "at_hash" in who["claims"]
