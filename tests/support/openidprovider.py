"""A certified OpenID provider (npm oidc-provider) on a free loopback port, installed from its committed lock."""

import base64
import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from npmpackages import installed
from servers import free_port, stopping, wait_until

HERE = Path(__file__).parent / "oidcprovider"
JWT, OPAQUE = "https://api.example.com", "https://opaque.example.com"


class OpenIdProvider:
    def __init__(self, issuer, process):
        self.issuer = issuer
        self.process = process

    def rotate(self, how):
        """Sign by a new key; `keep` publishes the old ones still, `drop` does not. Gives its name."""
        self.process.stdin.write(f"{how}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def token(self, resource, *, scope="docs:read", proof=None):
        """An access token by client credentials, bound to the key of a DPoP proof where one is given."""
        form = {"grant_type": "client_credentials", "resource": resource, "scope": scope}
        answer = self.post("/token", form, headers={"dpop": proof} if proof else {})
        return answer["access_token"], answer["token_type"]

    def revoke(self, token):
        self.post("/token/revocation", {"token": token})

    def post(self, path, form, *, headers=None):
        pair = urllib.parse.quote_plus("caller") + ":" + urllib.parse.quote_plus("secret+of/caller")
        sent = {"authorization": "Basic " + base64.b64encode(pair.encode()).decode(), **(headers or {})}
        request = urllib.request.Request(self.issuer + path, urllib.parse.urlencode(form).encode(), sent)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"{}")


@contextlib.contextmanager
def openid_provider(folder, **settings):
    """The provider, until the block is left; `server.mjs` says which settings it takes."""
    port = free_port()
    log = Path(folder) / "provider.log"
    issuer = f"http://127.0.0.1:{port}"
    with log.open("w") as errors:
        process = subprocess.Popen(
            ["node", "server.mjs", str(port), json.dumps(settings)], cwd=installed(HERE), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=errors, text=True, env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )  # fmt: skip

    def answers():
        try:
            with urllib.request.urlopen(f"{issuer}/jwks", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    with stopping(process), process.stdin, process.stdout:
        wait_until(answers, process, log=log)
        yield OpenIdProvider(issuer, process)
