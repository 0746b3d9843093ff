"""The whole of it as it is deployed: Chromium, nginx with TLS by the documented configuration, `guarita gateway serve`, a
certified provider, a service behind, and neighbours with bad intentions."""

import json
import re
import socket
import subprocess
import sysconfig
from pathlib import Path

import chromium
import formbrowser
import nginxserver
import openidprovider
import portal as portals
import pytest
import servers
from playwright.sync_api import expect
from portal import BROWSER, NAVIGATION, PATH, SCRIPT, SESSION
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

pytestmark = pytest.mark.servers
GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
ROOT = Path(__file__).parents[3]
FORWARD, LOGIN = (ROOT / "docs" / name for name in ("gateway-forward.md", "gateway-login.md"))
PAGE = """<!doctype html><title>Docs</title><h1>Hello {who}</h1>
<form method="post" action="/_guarita/login/logout"><button>Log out</button></form>"""


class Site:
    def __init__(self, port):
        self.port = port
        self.url, self.neighbour, self.stranger = (
            f"https://{name}:{port}" for name in ("portal.example.test", "docs.example.test", "attacker.test")
        )
        self.asked = []
        """What reached the service, as (method, path, subject)."""


def documented(guard, behind):
    """The two pages' nginx configuration as one."""
    first = re.search(r"## nginx\n\n```nginx\n(.*?)```", FORWARD.read_text(), re.DOTALL).group(1)
    more, inside = re.findall(r"```nginx\n(.*?)```", LOGIN.read_text(), re.DOTALL)
    whole = more + first.replace("    auth_request /_guarita;\n", f"    auth_request /_guarita;\n{inside}")
    assert inside in whole
    return whole.replace("127.0.0.1:9000", f"127.0.0.1:{guard}").replace(
        "127.0.0.1:8000", f"127.0.0.1:{behind}"
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    site = Site(servers.free_port())
    guard, behind = servers.free_port(), servers.free_port()

    async def page(request):
        who = request.headers["x-guarita-subject"]
        if request.url.path != "/favicon.ico":
            site.asked.append((request.method, request.url.path, who))
        return HTMLResponse(PAGE.format(who=who))

    service = Starlette(routes=[Route("/{rest:path}", page, methods=["GET", "POST"])])
    certificate, key = nginxserver.certified(
        folder, "portal.example.test", "docs.example.test", "attacker.test"
    )
    (folder / "evil").mkdir()
    (folder / "evil" / "index.html").write_text("<!doctype html><title>Win a prize</title>")
    with openidprovider.openid_provider(folder, clients=[portals.registered("portal", site.url)]) as provider:
        access = {
            "routes": [
                {"path": "/health", "methods": ["GET"], "public": True},
                {"path": "/{rest...}", "methods": ["*"], "authenticated": True},
            ]
        }
        path = portals.configured(
            folder / "gateway", provider, url=site.url, after_logout="/health",
            gateway={"access": access, "proxies": ["127.0.0.1"]},
        )  # fmt: skip
        command = [GUARITA, "gateway", "serve", "--config", path, "--port", str(guard)]
        log = folder / "serve.log"
        tls = f"listen 127.0.0.1:{site.port} ssl;"
        http = f"""
        ssl_certificate {certificate}; ssl_certificate_key {key};
        map $http_upgrade $upgrading {{ default upgrade; '' ''; }}
        server {{ {tls} server_name portal.example.test; {documented(guard, behind)} }}
        server {{ {tls} server_name docs.example.test attacker.test; root {folder}/evil; }}
        """
        with (
            portals.served(service, port=behind),
            log.open("w") as out,
            servers.stopping(subprocess.Popen(command, stderr=out)) as process,
            nginxserver.nginx(folder, site.port, http),
        ):
            servers.wait_until(lambda: answers(guard), process, log=log)
            yield site


def answers(port):
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


@pytest.fixture(scope="module")
def chrome():
    rules = "MAP *.example.test 127.0.0.1, MAP attacker.test 127.0.0.1"
    with chromium.browser(f"--host-resolver-rules={rules}") as running:
        yield running


@pytest.fixture
def context(chrome):
    with chrome.new_context(ignore_https_errors=True) as opened:
        opened.set_default_timeout(chromium.PATIENCE)
        yield opened


def log_in(page, name):
    page.get_by_placeholder("Enter any login").fill(name)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_somebody_logs_in_reads_and_logs_out(site, context):
    page = context.new_page()
    page.goto(f"{site.url}/docs/1?page=2&x=a%20b")
    log_in(page, "ana")
    expect(page.get_by_role("heading")).to_have_text("Hello ana")
    assert page.url == f"{site.url}/docs/1?page=2&x=a%20b"
    cookies = {cookie["name"]: cookie for cookie in context.cookies(site.url)}
    assert set(cookies) == {SESSION, BROWSER}
    for cookie in cookies.values():
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
        assert (cookie["domain"], cookie["path"]) == ("portal.example.test", "/")
    assert cookies[SESSION]["expires"] == -1, "it ends with the browser"
    assert page.evaluate("document.cookie") == ""
    page.goto(f"{site.url}/docs/2")
    expect(page.get_by_role("heading")).to_have_text("Hello ana")
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    page.wait_for_url(f"{site.url}/health")
    assert SESSION not in {cookie["name"] for cookie in context.cookies(site.url)}
    page.goto(f"{site.url}/docs/3")
    assert "/interaction/" in page.url, "nobody is known here nor there any more"


ATTACKS = """async (portal) => {
  const tried = [];
  const attempt = async (what, options) => {
    try { await fetch(portal + what, {credentials: "include", ...options}); } catch (error) { tried.push(what); }
  };
  await attempt("/stolen/read", {});
  await attempt("/stolen/blind", {mode: "no-cors"});
  await attempt("/stolen/write", {method: "POST", mode: "no-cors", body: "x"});
  await attempt("/stolen/json", {method: "POST", body: "{}", headers: {"content-type": "text/plain"}});
  await attempt("/_guarita/login/logout", {method: "POST", mode: "no-cors"});
  for (const tag of ["img", "script", "iframe"]) {
    const made = document.createElement(tag);
    const done = new Promise((resolve) => { made.onload = made.onerror = resolve; });
    made.src = portal + "/stolen/" + tag;
    document.documentElement.append(made);
    await done;
  }
  const socket = new WebSocket(portal.replace("https:", "wss:") + "/stolen/socket");
  await new Promise((resolve) => { socket.onopen = socket.onerror = socket.onclose = resolve; });
  document.cookie = "__Host-guarita=" + "k".repeat(43) + "; Path=/; Secure; Domain=example.test";
  document.cookie = "__Host-guarita=" + "k".repeat(43) + "; Path=/stolen; Secure";
  document.cookie = "__host-guarita=" + "k".repeat(43) + "; Path=/; Secure; Domain=example.test";
  return document.cookie;
}"""


@pytest.mark.parametrize("who", ["neighbour", "stranger"])
def test_another_site_gets_nothing_out_of_somebody_elses_session(site, context, who):
    page = context.new_page()
    page.goto(f"{site.url}/mine")
    log_in(page, "bia")
    expect(page.get_by_role("heading")).to_have_text("Hello bia")
    before = next(cookie["value"] for cookie in context.cookies(site.url) if cookie["name"] == SESSION)
    site.asked.clear()
    evil = context.new_page()
    evil.goto(getattr(site, who))
    evil.evaluate(ATTACKS, site.url)
    assert site.asked == [], "nothing reached the service"
    # A form that sends itself goes where a link goes, and must not do what a link cannot.
    form = f"""() => {{ document.body.innerHTML = '<form method="post" action="{site.url}/stolen/form"></form>';
      document.forms[0].submit(); }}"""
    evil.evaluate(form)
    evil.wait_for_url(f"{site.url}/stolen/form")
    assert site.asked == []
    evil.goto(getattr(site, who))
    evil.evaluate(f"() => {{ location.href = '{site.url}/linked'; }}")
    evil.wait_for_url(f"{site.url}/linked")
    expect(evil.get_by_role("heading")).to_have_text("Hello bia")
    assert site.asked == [("GET", "/linked", "bia")]
    page.reload()
    expect(page.get_by_role("heading")).to_have_text("Hello bia")
    now = [cookie["value"] for cookie in context.cookies(site.url) if cookie["name"] == SESSION]
    assert now == [before]


def test_our_own_pages_do_what_others_may_not(site, context):
    page = context.new_page()
    page.goto(f"{site.url}/mine")
    log_in(page, "caio")
    expect(page.get_by_role("heading")).to_have_text("Hello caio")
    site.asked.clear()
    statuses = page.evaluate(
        """async () => [(await fetch("/a", {method: "POST"})).status, (await fetch("/b")).status]"""
    )
    assert statuses == [200, 200]
    page.evaluate("""() => new Promise((resolve) => { const s = new WebSocket("wss://" + location.host + "/c");
      s.onopen = s.onerror = s.onclose = resolve; })""")
    assert site.asked == [("POST", "/a", "caio"), ("GET", "/b", "caio"), ("GET", "/c", "caio")]


def test_behind_nginx_scripts_get_401_and_pages_the_login(site):
    with formbrowser.browser(verify=False) as browser:
        local = {"host": f"portal.example.test:{site.port}"}
        url = f"https://127.0.0.1:{site.port}"

        def ask(path, **headers):
            return browser.http.get(
                url + path, headers=local | headers, extensions={"sni_hostname": "portal.example.test"}
            )

        page = ask("/docs?a=b&return=/c", **NAVIGATION)
        assert (page.status_code, page.headers["location"]) == (
            303, f"{site.url}{PATH}/start?return=/docs?a=b&return=/c",
        )  # fmt: skip
        script = ask("/docs", **SCRIPT)
        assert script.status_code == 401
        assert script.headers["www-authenticate"].startswith("Bearer ")
        forged = ask("/docs", **SCRIPT, **{"x-guarita-login": "https://evil.example"})
        assert (forged.status_code, "location" in forged.headers) == (401, False)
        assert ask(f"{PATH}/start?return=//evil.example", **NAVIGATION).status_code == 400
        assert ask(f"{PATH}/callback?code=x&state=y", **NAVIGATION).status_code == 400
        assert ask(f"{PATH}/../login/start", **NAVIGATION).status_code in {303, 400, 404, 500}
        assert json.loads(ask(f"{PATH}/logout", accept="application/json").content)["code"] == "login.method"
