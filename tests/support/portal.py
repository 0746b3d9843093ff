"""A site that people log in at, behind the gateway, for tests in one process and over real HTTP."""

import contextlib
import json
import threading
import time
from typing import Annotated
from urllib.parse import urlsplit

import httpx
import uvicorn
from fastapi import Depends, FastAPI, WebSocket
from starlette.testclient import TestClient

from guarita.gateway import Gateway, GatewayMiddleware, Principal
from guarita.gateway.fastapi import principal

URL = "https://portal.example.com"
PATH = "/_guarita/login"
NAVIGATION = {
    "accept": "text/html",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "sec-fetch-site": "none",
}
SCRIPT = {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "sec-fetch-site": "same-origin"}
SESSION, BROWSER = "__Host-guarita", "__Host-guarita-login"
KEY = "a key of the tests, of at least 32 characters"
ACCESS = {
    "roles": {"reader": {"allow": ["docs:read"]}},
    "bindings": [{"role": "reader", "credential_role": "staff"}],
    "routes": [
        {"path": "/health", "methods": ["GET"], "public": True},
        {"path": "/me", "methods": ["*"], "authenticated": True},
        {"path": "/docs", "methods": ["GET"], "permissions": ["docs:read"]},
        {"path": "/socket", "methods": ["GET"], "authenticated": True},
    ],
}


def configured(
    folder, provider, *, client="portal", secret="secret+of/portal", url=URL, gateway=None, **login
):
    """The guarita.yaml of a site that logs people in at this provider, in a folder of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "secret").write_text(secret)
    (folder / "key").write_text(KEY)
    section = {
        "issuer": provider.issuer,
        "client": {"id": client, "secret": {"file": "secret"}},
        "url": url,
        "roles": "groups",
        "insecure_loopback": True,
        "keys": {"cooldown": 1},
        **login,
    }
    path = folder / "guarita.yaml"
    whole = {"login": section, "access": ACCESS} | (gateway or {})
    path.write_text(json.dumps({"ledger": {"url": str(folder / "ledger.db")}, "gateway": whole}))
    return path


def registered(name, url):
    """A client as the provider knows it (OpenID Connect Dynamic Client Registration 1.0 section 2)."""
    return {
        "client_id": name,
        "client_secret": f"secret+of/{name}",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "redirect_uris": [f"{url}{PATH}/callback"],
        "post_logout_redirect_uris": [f"{url}/health"],
        "backchannel_logout_uri": f"{url}{PATH}/backchannel",
        "backchannel_logout_session_required": True,
        "id_token_signed_response_alg": "ES256",
    }


def site(gateway):
    app = FastAPI(openapi_url=None)
    app.add_middleware(GatewayMiddleware, gateway=gateway)

    @app.get("/health")
    def health():
        return "well"

    @app.get("/docs")
    @app.get("/me")
    @app.post("/me")
    def me(who: Annotated[Principal, Depends(principal)]):
        return {
            "subject": who.subject, "issuer": who.issuer, "roles": sorted(who.roles), "scopes": sorted(who.scopes),
            "by": who.authenticator, "credential": who.credential_id, "claims": dict(who.claims),
        }  # fmt: skip

    @app.websocket("/socket")
    async def socket(websocket: WebSocket):
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text.upper())

    return app


class Portal:
    """The site in this process, and one browser that knows it."""

    def __init__(self, path, provider):
        self.gateway = Gateway.from_file(path)
        self.provider = provider
        self.app = site(self.gateway)
        self.client = TestClient(self.app, base_url=URL, follow_redirects=False)

    def browser(self):
        """Another browser."""
        made = TestClient(self.app, base_url=URL, follow_redirects=False)
        made.portal = self.client.portal  # one event loop for one process
        return made

    def open(self, target, client=None, **headers):
        """Go to a page, as somebody who types its address."""
        return (client or self.client).get(target, headers=NAVIGATION | headers)

    def begin(self, target="/me", client=None):
        """To the provider, and as far as its answer: the address that the browser would come back to."""
        there = self.open(f"{PATH}/start?return={target}", client)
        assert there.status_code == 303, there.text
        answer = httpx.get(there.headers["location"], timeout=60)
        assert answer.status_code == 303
        return answer.headers["location"].removeprefix(URL)

    def come_back(self, address, client=None, **headers):
        return self.open(address, client, **({"sec-fetch-site": "cross-site"} | headers))

    def log_in(self, target="/me", client=None):
        answer = self.come_back(self.begin(target, client), client)
        assert answer.status_code == 303, answer.text
        return answer

    def me(self, client=None, **headers):
        return (client or self.client).get("/me", headers=SCRIPT | headers)

    def code(self, answer):
        """The code of a refusal, on a page or not."""
        if answer.headers["content-type"].startswith("text/html"):
            return answer.text.rpartition("<small>")[2].partition("</small>")[0]
        return answer.json()["code"]

    def told_to_log_out(self, **claims):
        """What the provider is answered when it ends a session."""
        form = {"logout_token": claims.pop("token", None) or self.provider.logout_token(**claims)}
        return self.browser().post(f"{PATH}/backchannel", data=form)


@contextlib.contextmanager
def served(app, *, port, **options):
    """The application behind a real server, until the block is left."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", lifespan="on", **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=60)


def origin(url):
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
