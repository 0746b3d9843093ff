"""`guarita report`: what the ledger says, on a page that nothing in it can change, and never a good word for the unknown."""

import http.client
import json
import re
import runpy
import signal
import socket
import sqlite3
import subprocess
import sys
import sysconfig
import time
from html.parser import HTMLParser
from pathlib import Path

import chromium
import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from canaries import seen
from servers import free_port

from guarita.audit import events, open_ledger
from guarita.cli.main import run
from guarita.report import Posture
from guarita.report.page.words import PORTUGUESE, STEPS
from guarita.report.published import SCHEMA, schema_text

ROOT = Path(__file__).parents[2]
GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
NOW = time.time_ns() // 1_000_000
HOSTILE = (
    "</td></style><script>window.pwned=1</script>'\"\u202e\x1b[31m<svg onload=window.pwned=1>" + "x" * 9000
)


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """The example's month."""
    folder = tmp_path_factory.mktemp("month")
    runpy.run_path(str(ROOT / "examples/posture.py"))["main"](folder)
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GUARITA_LEDGER", raising=False)
    return tmp_path


def posture(capsys, *words, status=0):
    assert run(["report", "--json", *words]) == status
    raw = capsys.readouterr().out
    return msgspec.json.decode(raw, type=Posture), raw


def written(*words, status=0):
    assert run(["report", *words]) == status
    return Path("posture.html").read_text()


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]


def test_the_month_is_told(month, monkeypatch, capsys):
    monkeypatch.chdir(month)
    found, _ = posture(capsys, "--ledger", "ledger.db")
    states = {secret.name: secret.state for secret in found.facts.secrets}
    assert states == {
        "shop-login": "fresh",
        "webhook": "due",
        "signer": "overdue",
        "never-rotated": "unknown",
    }
    assert found.ledger.verified == found.ledger.size == found.ledger.signed
    assert [step.code for step in found.steps] == ["secrets.overdue", "secrets.due", "secrets.unknown"]
    assert found.steps[0].command == "guarita rotate run signer"
    assert found.facts.frameworks[0].name == "lgpd"
    assert (
        found.facts.denials.total == sum(day.counts.get("refused", 0) for day in found.facts.denials.days) > 0
    )
    page = written("--ledger", "ledger.db")
    assert "Secrets past their limit: 1" in page
    page = written("--ledger", "ledger.db", "--lang", "pt-BR")
    assert "Segredos além do limite: 1" in page
    assert '<html lang="pt-BR">' in page


def test_nothing_is_good_where_nothing_is_known(project, capsys):
    with open_ledger("l.db"):
        pass
    found, _ = posture(capsys, "--ledger", "l.db")
    codes = {step.code for step in found.steps}
    assert codes >= {"gates.none", "config.none"}
    assert found.facts.findings.known is False
    page = written("--ledger", "l.db")
    assert not re.search(r'<li class="s-good">', page)
    assert "There is no guarita.yaml" in page


def test_a_ledger_that_is_not_there_is_an_error(project, capsys):
    assert run(["report", "--ledger", "gone.db"]) == 2
    assert not Path("posture.html").exists()
    assert "gone.db" in capsys.readouterr().err


def test_what_cannot_be_done_is_said_and_never_half_done(project, capsys):
    with open_ledger("l.db"):
        pass
    assert run(["report", "--ledger", "l.db", "--output", "gone/posture.html"]) == 3
    assert "gone/posture.html" in capsys.readouterr().err
    assert run(["report", "--ledger", "l.db", "serve"]) == 2
    assert "guarita report serve --ledger" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run(["report", "serve", "--ledger", "l.db", "--port", str(taken.getsockname()[1])]) == 2
    assert "--port" in capsys.readouterr().err
    assert run(["report", "--ledger", "postgresql://127.0.0.1:1/none"]) == 3


def test_of_a_ledger_that_does_not_hold_nothing_is_repeated(project, capsys):
    with open_ledger("l.db") as ledger:
        ledger.append_all(
            [
                events.detection_finding(
                    time=NOW, finding_uid=str(n), rule="told-rule", title="t", severity="high"
                )
                for n in range(20)
            ]
        )
    with sqlite3.connect("l.db") as connection:
        connection.execute("UPDATE body SET bytes = replace(bytes, 'told-rule', 'gone-rule') WHERE idx = 3")
    found, _ = posture(capsys, "--ledger", "l.db", status=1)
    assert found.facts is None
    assert found.ledger.damage.index == 3
    assert [step.code for step in found.steps] == ["ledger.damaged"]
    page = written("--ledger", "l.db", status=1)
    assert "The ledger does not hold" in page
    assert "told-rule" not in page


def test_what_stands_in_the_ledger_changes_nothing_of_the_page(project, month, capsys):
    with open_ledger("l.db") as ledger:
        ledger.append(
            events.detection_finding(
                time=NOW, finding_uid="1", rule=HOSTILE, title=HOSTILE, severity="critical"
            )
        )
        ledger.append(
            events.api_activity(
                time=NOW,
                operation=HOSTILE,
                actor=HOSTILE,
                service="guarita gateway",
                allowed=False,
                reason="x",
                details={"rule": HOSTILE, "code": HOSTILE},
            )
        )
        ledger.append(
            events.entity_management(
                time=NOW,
                entity=HOSTILE,
                kind=HOSTILE,
                activity="update",
                success=False,
                details={"secret": HOSTILE, "rotation": "r", "phase": HOSTILE},
            )
        )
        ledger.append(
            events.detection_finding(time=2**62, finding_uid="2", rule="r", title="t", severity="low")
        )
    page = written("--ledger", "l.db")
    assert Tags(page).found <= Tags(written("--ledger", str(month / "ledger.db"))).found
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    assert len(page) < 100_000


def test_nothing_that_the_ledger_hides_is_told(project, capsys):
    canary = "canary-7f3a91"
    with open_ledger("l.db") as ledger:
        ledger.append(
            events.api_activity(
                time=NOW,
                operation="o",
                actor=events.Personal(f"subject {canary}", canary),
                service="guarita gateway",
                allowed=False,
                reason="access.denied",
            )
        )
    found, raw = posture(capsys, "--ledger", "l.db")
    assert found.facts.denials.total == 1
    assert found.facts.denials.principals.top[0].name.startswith("sealed:")
    assert seen(canary, {"json": raw.encode(), "page": written("--ledger", "l.db").encode()}) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_finds_nothing_in_anyones_way(month, monkeypatch, tmp_path, scheme, width):
    monkeypatch.chdir(month)
    file = tmp_path / "posture.html"
    assert run(["report", "--ledger", "ledger.db", "--output", str(file)]) == 0
    with chromium.browser() as browser:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, bypass_csp=True
        )
        watched = chromium.Watched(context.new_page())
        watched.page.goto(file.as_uri())
        watched.page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        assert watched.page.evaluate("document.documentElement.scrollWidth") == width
        violations = Axe().run(watched.page).response["violations"]
        assert [(rule["id"], rule["nodes"][0]["html"]) for rule in violations] == []
        assert [url for url in watched.requests if not url.startswith("file:")] == []
        assert watched.complaints == []


def test_the_page_is_served_and_kept_live(project):
    with open_ledger("l.db"):
        pass
    port = free_port()
    words = ["report", "serve", "--ledger", "l.db", "--port", str(port), "--every", "1"]
    with subprocess.Popen([sys.executable, GUARITA, *words], stderr=subprocess.PIPE, text=True) as process:
        assert str(port) in process.stderr.readline()

        def get(path="/", **headers):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", path, headers={"Host": f"127.0.0.1:{port}", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers

        status, page, headers = get()
        assert (status, 'http-equiv="refresh"' in page) == (200, True)
        assert get(Host="evil.example")[0] == 421
        assert get("/other")[0] == 404
        with open_ledger("l.db") as ledger:
            ledger.append(
                events.detection_finding(
                    time=NOW, finding_uid="1", rule="new-rule", title="t", severity="high"
                )
            )
        until = time.monotonic() + 60
        while "new-rule" not in page and time.monotonic() < until:
            _, page, headers = get()
        assert "new-rule" in page
        # Asked for at once, what was just made has not grown old; once it has, its time makes another page of it.
        statuses = {get(**{"If-None-Match": get()[2]["ETag"]})[0] for _ in range(5)}
        assert 304 in statuses
        assert headers["X-Frame-Options"] == "DENY"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_the_schema_is_that_of_the_types():
    assert SCHEMA.read_bytes() == schema_text()
    assert json.loads(SCHEMA.read_bytes())["$id"] == "urn:guarita:schema:posture:1"


def test_every_step_and_word_is_said_in_both_languages():
    package = ROOT / "security/guarita/report"
    steps = set(re.findall(r'"((?:ledger|gates|findings|waivers|secrets|alerts|personal|denials|unread|config)\.\w+)"',
                           (package / "steps.py").read_text()))  # fmt: skip
    assert steps == set(STEPS)
    assert set(STEPS.values()) <= set(PORTUGUESE)
    said = "".join(path.read_text() for path in (package / "page").glob("*.py") if path.name != "words.py")
    unsaid = {text for text in re.findall(r'words\("([^"]+)"\)', said) if text not in PORTUGUESE}
    assert unsaid == set()
