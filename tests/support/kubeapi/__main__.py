"""The server's process: `python -m kubeapi CONFIG.json` emulates a control plane, or stands before a real one.

It says on standard output, as one line of JSON, where it listens, and ends when its standard input ends.
"""

import json
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from . import rbac
from .api import Api
from .backend import Backend
from .controllers import Controllers
from .faults import Faults
from .front import Emulated, Forwarding
from .resources import BY_KEY, NAMESPACES
from .store import Store
from .tokens import Accounts, Signer


class Clock:
    """The server's time, which the tests may set forward."""

    def __init__(self):
        self.offset = 0.0

    def __call__(self):
        return time.time() + self.offset


class Side(BaseHTTPRequestHandler):
    """The tests' own port: `POST /COMMAND` with JSON."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        answer = json.dumps(
            getattr(self.server, "do_" + self.path.strip("/").replace("-", "_"))(**body)
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class SidePort(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, front, faults, *, api=None, controllers=None, clock=None):
        super().__init__(("127.0.0.1", 0), Side)
        self.front, self.faults, self.api, self.controllers, self.clock = (
            front,
            faults,
            api,
            controllers,
            clock,
        )

    def do_fault(self, **rule):
        self.faults.add(**rule)

    def do_reset(self):
        """Takes every fault back."""
        self.faults.reset()
        self.front.drop_watches()
        self.front.keep_bodies = False
        if self.controllers:
            self.controllers.held, self.controllers.lag, self.controllers.terminating_field = False, 0.0, True
            self.clock.offset = 0.0
        return self.controllers.errors if self.controllers else []

    def do_requests(self, *, since=0.0, user=None):
        with self.faults.lock:
            return [
                entry
                for entry in self.faults.requests
                if entry["at"] >= since and (user is None or entry["user"] == user)
            ]

    def do_keep_bodies(self):
        self.front.keep_bodies = True

    def do_release(self):
        self.faults.released.set()
        self.faults.released = threading.Event()

    def do_drop_watches(self):
        self.front.drop_watches()

    def do_stall(self, *, on=True, seconds=60.0):
        self.front.stall_seconds = seconds
        self.faults.stalled = on
        if not on:
            self.do_release()

    # What only the emulator can be told

    def do_hold(self, *, on=True):
        """Controllers do nothing until they are let go: the observed generation stays behind."""
        self.controllers.held = on

    def do_lag(self, *, seconds):
        self.controllers.lag = seconds

    def do_terminating_field(self, *, on):
        self.controllers.terminating_field = on

    def do_compact(self):
        self.api.store.compact()

    def do_clock(self, *, offset):
        self.clock.offset = offset


def _tls(config):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(config["certificate"], config["key"])
    return context


def _seed(api, namespaces):
    for plural, content in rbac.bootstrap():
        api.create(BY_KEY["rbac.authorization.k8s.io", plural], "", content)
    for name in namespaces:
        api.create(NAMESPACES, "", {"metadata": {"name": name}})


def main():
    config = json.loads(Path(sys.argv[1]).read_text())
    faults, tls = Faults(), _tls(config)
    address = ("127.0.0.1", config.get("port", 0))
    if "target" in config:
        trust = ssl.create_default_context(cafile=config["trust"])
        front = Forwarding(address, faults, tuple(config["target"]), tls, trust)
        side = SidePort(front, faults)
        more = {}
    else:
        clock = Clock()
        api = Api(Store(), clock)
        key = config.get("signing_key")
        signer = Signer(load_pem_private_key(Path(key).read_bytes(), None) if key else None)
        accounts = Accounts(api.store, signer, clock)
        controllers = Controllers(api)
        _seed(api, ["default", "kube-system"])
        controllers.start()
        front = Emulated(address, faults, Backend(api, accounts, config["admin_token"]), tls)
        front.clock = clock
        side = SidePort(front, faults, api=api, controllers=controllers, clock=clock)
        more = {"issuer": accounts.signer.issuer, "issuer_key": accounts.signer.public_pem().decode()}
    for server in (front, side):
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
    print(json.dumps({"port": front.server_address[1], "side": side.server_address[1], **more}), flush=True)
    if config.get("forever"):
        threading.Event().wait()
    sys.stdin.read()


main()
