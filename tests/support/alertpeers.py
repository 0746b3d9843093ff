"""Who hears of alerts, as real servers and as strict stand-ins that can fail in every way that a peer can."""

import contextlib
import json
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from servers import free_port, stopping, wait_until
from sinkservers import Faulty


class Peer(Faulty):
    """Keeps what it is sent, as (path, headers in lower case, body)."""

    status, good = 200, b""

    def accept(self, body):
        assert self.command == "POST"
        assert self.headers["content-type"] == "application/json"
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.check(json.loads(body))
        with self.server.lock:
            self.server.stored.setdefault("sent", []).append((self.path, headers, body))
        return self.status, {}, self.good

    def check(self, document):
        pass


class SlackPeer(Peer):
    """An incoming webhook with Slack's limits (https://docs.slack.dev/reference/block-kit/blocks)."""

    good = b"ok"

    def check(self, document):
        assert document["text"]
        for block in document["blocks"]:
            limit = {"header": 150, "section": 3000}[block["type"]]
            assert block["text"]["type"] == "plain_text"
            assert 0 < len(block["text"]["text"]) <= limit


class PagerDutyPeer(Peer):
    """Events API v2, by its OpenAPI description: 202 and `success`, 400 for what it does not know."""

    status, good = 202, b'{"status":"success","message":"Event processed","dedup_key":"x"}'

    def check(self, document):
        assert set(document) <= {"routing_key", "event_action", "dedup_key", "client", "payload"}
        assert len(document["routing_key"]) == 32
        assert document["event_action"] in {"trigger", "acknowledge", "resolve"}
        assert len(document["dedup_key"]) <= 255
        if document["event_action"] == "trigger":
            payload = document["payload"]
            assert payload["severity"] in {"critical", "error", "warning", "info"}
            assert len(payload["summary"]) <= 1024
            assert {"summary", "severity", "source"} <= set(payload)


def redirect(to):
    """A fault: 307 to another place."""

    def fault(handler, body):
        handler.answer(307, b"", {"location": to})
        return "done"

    return fault


@contextlib.contextmanager
def alertmanager(folder):
    """Debian's Alertmanager, alone; gives its address."""
    port = free_port()
    (folder / "alertmanager.yml").write_text(
        "route: {receiver: none, group_wait: 1s}\nreceivers: [{name: none}]\n"
    )
    log = folder / "alertmanager.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [
                "prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=out, stderr=out, cwd=folder,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def ready():
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    with stopping(process):
        wait_until(ready, process, log=log)
        yield url


def standing(url):
    """The alerts that stand in an Alertmanager."""
    with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=10) as answer:
        return json.load(answer)


class Mailbox:
    """What a mail server was sent; `refuse` makes it answer otherwise."""

    def __init__(self):
        self.mails = []
        self.refuse = None
        self.logins = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  # aiosmtpd's name
        if self.refuse:
            return self.refuse
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content, session.ssl is not None))
        return "250 OK"

    def authenticate(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"right", handled=False)


@contextlib.contextmanager
def mail_server(certificate=None, key=None, *, login=False):
    """A real SMTP server (aiosmtpd), with STARTTLS where it has a certificate; gives its port and mailbox."""
    box = Mailbox()
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    controller = Controller(
        box, hostname="127.0.0.1", port=free_port(), server_hostname="localhost", tls_context=context,
        require_starttls=bool(context), authenticator=box.authenticate, auth_required=login,
    )  # fmt: skip
    controller.start()
    try:
        yield controller.port, box
    finally:
        controller.stop()


@contextlib.contextmanager
def dripping(first=b"", drop=b"2"):
    """A server that says a byte at a time, for ever; gives its port."""
    over = threading.Event()

    def drip(connection):
        with contextlib.suppress(OSError), connection:
            connection.sendall(first)
            while not over.is_set():
                connection.sendall(drop)
                time.sleep(0.02)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
