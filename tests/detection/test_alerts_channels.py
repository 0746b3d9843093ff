"""Each channel against who hears it: real servers, and peers that lie, hang, refuse and come back."""

import base64
import email
import email.policy
import json
import time
from pathlib import Path

import alerting
import alertpeers
import pytest
from alerting import HOUR, MINUTE
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from nginxserver import certified
from sinkservers import Server

from guarita.config.detection_alerts import SmtpChannel
from guarita.detection.alerts import signature, text
from guarita.detection.alerts.channels.build import build
from guarita.detection.alerts.channels.slack import payload
from guarita.detection.alerts.channels.smtp import Smtp
from guarita.detection.alerts.interface import ChannelRefusedError, ChannelUnavailableError
from guarita.detection.alerts.model import Line, Message
from guarita.errors import UsageError

NOW = 1_800_000_000_000
SECRET = "whsec_" + base64.b64encode(b"kanarienvogel-kanarienvogel-kanar").decode()
HOSTILE = "<!channel> @here ```x``` \r\nBcc: eve@example.com\r\n\r\n\u202egpj.exe <b>&amp; *b* [a](http://evil.example)"


def message(**changed):
    line = Line(
        key="k", rule="brute-force", level="critical", title="Brute force", group={"user": "ana"},
        first=NOW - 5000, last=NOW, count=7, evidence=[1, 2],
    )  # fmt: skip
    base = Message(
        id="m1", kind="trigger", incident="0123456789abcdef", route="page", level="critical", rule="brute-force",
        title="Brute force", labels={"rule": "brute-force", "group.user": "ana"}, opened=NOW, first=NOW - 5000,
        last=NOW, count=7, total=1, alerts=[line],
    )  # fmt: skip
    return replace(base, **changed)


def hostile(value):
    line = replace(message().alerts[0], title=value, rule=value, group={"user": value, value: "x"})
    return message(
        title=value, rule=value, labels={"rule": value, "group.user": value}, alerts=[line], by=value
    )


def channel(folder, written):
    """A channel as guarita.yaml writes it."""
    section = alerting.section(alerting.REST, channels={"x": written})
    return build(section.channels["x"], folder)


KINDS = {
    "alertmanager": (alertpeers.Peer, "{{type: alertmanager, url: {url}, authorization: {{env: KEY}}, timeout: {timeout}}}"),
    "pagerduty": (alertpeers.PagerDutyPeer, "{{type: pagerduty, url: {url}/v2/enqueue, routing_key: {{env: KEY}}, timeout: {timeout}}}"),
    "slack": (alertpeers.SlackPeer, "{{type: slack, url: {{env: URL}}, host: 127.0.0.1, timeout: {timeout}}}"),
    "webhook": (alertpeers.Peer, "{{type: webhook, url: {url}/hook, secrets: [{{env: WHSEC}}], timeout: {timeout}}}"),
}  # fmt: skip


@pytest.fixture(params=list(KINDS))
def heard(request, tmp_path, monkeypatch):
    """A channel over HTTP, and its peer."""
    handler, written = KINDS[request.param]
    with Server(handler) as server:
        monkeypatch.setenv("KEY", "kanarienvogel00000000000000000000"[:32])
        monkeypatch.setenv("URL", f"{server.url}/services/kanarienvogel")
        monkeypatch.setenv("WHSEC", SECRET)
        # Neither is for us.
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
        yield request.param, channel(tmp_path, written.format(url=server.url, timeout=60)), server


def test_it_arrives_as_that_api_wants_it(heard):
    kind, sender, server = heard
    assert "2" in sender.send(message(), now=NOW)
    ((path, headers, body),) = server.stored["sent"]
    document = json.loads(body)
    match kind:
        case "alertmanager":
            assert path == "/api/v2/alerts"
            (alert,) = document
            assert alert["labels"] == {
                "alertname": "brute-force", "severity": "critical", "incident": "0123456789abcdef",
                "route": "page", "source": "guarita", "group_user": "ana",
            }  # fmt: skip
            assert (alert["startsAt"], alert["endsAt"]) == (text.moment(NOW), text.moment(NOW + 240_000))
            assert headers["authorization"].startswith("kanarienvogel")
        case "pagerduty":
            assert (document["event_action"], document["dedup_key"]) == (
                "trigger",
                "guarita-0123456789abcdef",
            )
            assert document["payload"]["severity"] == "critical"
            for other in ("acknowledge", "resolve"):
                sender.send(message(kind=other, quiet_since=NOW), now=NOW)
            said = [json.loads(body) for _, _, body in server.stored["sent"][1:]]
            assert [one["event_action"] for one in said] == ["acknowledge", "resolve"]
            assert {one["dedup_key"] for one in said} == {document["dedup_key"]}
        case "slack":
            assert path == "/services/kanarienvogel"
            assert "Brute force" in document["blocks"][0]["text"]["text"]
        case "webhook":
            assert signature.verify(headers, body, [SECRET], now=NOW / 1000) == "m1"
            assert (document["type"], document["data"]["incident"]) == ("alert.triggered", "0123456789abcdef")


@pytest.mark.parametrize(
    ("fault", "code"),
    [("500", "busy"), ("503", "busy"), ("drop-before", "unreachable"), ("drop-after", "unreachable")],
)
def test_a_peer_that_is_away_is_tried_again(heard, fault, code):
    _, sender, server = heard
    server.faults = [fault]
    with pytest.raises(ChannelUnavailableError) as caught:
        sender.send(message(), now=NOW)
    assert caught.value.code == f"alerts.{code}"
    assert "kanarienvogel" not in str(caught.value) + repr(caught.value)
    assert sender.send(message(), now=NOW)


def test_a_peer_that_hangs_is_left(heard, tmp_path):
    kind, _, server = heard
    server.faults = ["hang"]
    impatient = channel(tmp_path, KINDS[kind][1].format(url=server.url, timeout=0.2))
    with pytest.raises(ChannelUnavailableError) as caught:
        impatient.send(message(), now=NOW)
    assert caught.value.code == "alerts.timeout"


def test_a_peer_that_has_too_much_to_do_says_for_how_long(heard):
    _, sender, server = heard
    server.faults = ["429+7", "503+3"]
    for asked in (7, 3):
        with pytest.raises(ChannelUnavailableError) as caught:
            sender.send(message(), now=NOW)
        assert caught.value.retry_after == asked


def test_a_yes_over_something_else_is_no_yes(heard):
    kind, sender, server = heard
    server.faults = ["garbage"]
    if kind == "webhook":  # by its specification the status alone counts
        assert sender.send(message(), now=NOW)
        return
    with pytest.raises(ChannelUnavailableError) as caught:
        sender.send(message(), now=NOW)
    assert caught.value.code == "alerts.answer"


@pytest.mark.parametrize("status", ["400", "401", "404", "410"])
def test_a_refusal_is_told_apart(heard, status):
    _, sender, server = heard
    server.faults = [status]
    with pytest.raises(ChannelRefusedError, match=f"HTTP status {status}"):
        sender.send(message(), now=NOW)


def test_a_redirect_is_not_followed(heard):
    _, sender, server = heard
    with Server(alertpeers.Peer) as elsewhere:
        server.faults = [alertpeers.redirect(elsewhere.url)]
        with pytest.raises(ChannelRefusedError, match="307"):
            sender.send(message(), now=NOW)
        assert elsewhere.requests == []


def test_a_peer_that_says_a_byte_at_a_time_is_left(tmp_path, monkeypatch):
    monkeypatch.setenv("WHSEC", SECRET)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 60000\r\n\r\n"
    for first in (head, b"HTTP/1.1 200 OK\r\nx-a: "):
        with alertpeers.dripping(first, b"a") as port:
            sender = channel(
                tmp_path,
                f"{{type: webhook, url: 'http://127.0.0.1:{port}', secrets: [{{env: WHSEC}}], timeout: 0.5}}",
            )
            with pytest.raises(ChannelUnavailableError) as caught:
                sender.send(message(), now=NOW)
            assert caught.value.code == "alerts.timeout"


def test_an_address_that_is_a_secret_goes_to_its_declared_host_only(tmp_path, monkeypatch):
    with Server(alertpeers.SlackPeer) as server:
        monkeypatch.setenv("URL", f"{server.url}/services/kanarienvogel")
        for host, url in (("hooks.slack.com", server.url), ("127.0.0.1", "http://example.com@127.0.0.1/")):
            monkeypatch.setenv("URL", f"{url}/services/kanarienvogel")
            sender = channel(tmp_path, f"{{type: slack, url: {{env: URL}}, host: {host}}}")
            with pytest.raises(ChannelRefusedError) as caught:
                sender.send(message(), now=NOW)
            assert caught.value.code == "alerts.host"
            assert "kanarienvogel" not in str(caught.value)
        assert server.requests == []


def test_a_secret_that_is_not_there_is_named_by_its_place(tmp_path):
    sender = channel(tmp_path, "{type: webhook, url: 'http://127.0.0.1:9', secrets: [{file: gone}]}")
    with pytest.raises(UsageError, match="gone: cannot be read"):
        sender.send(message(), now=NOW)


@pytest.mark.servers
def test_a_real_alertmanager_takes_keeps_and_ends_an_alert(tmp_path):
    routes = (
        "      - {name: page, levels: [critical], channels: [am], group_wait: 0, resolve_after: 1800}\n"
        + alerting.REST
    )
    with alertpeers.alertmanager(tmp_path) as url:
        am = {"am": f"{{type: alertmanager, url: '{url}', resend: 3600, labels: {{team: security}}}}"}
        scene = alerting.Scene(tmp_path / "l.db", routes, channels=am)
        # The end must have come by Alertmanager's clock, which nobody turns.
        scene.now = int(time.time() * 1000) - 2 * HOUR - 35 * MINUTE
        scene.detect("brute-force", group={"user": HOSTILE})
        scene.go()
        (first,) = alertpeers.standing(url)
        assert first["labels"]["alertname"] == "brute-force"
        assert first["labels"]["team"] == "security"
        assert set(first["labels"]) == {
            "alertname", "severity", "incident", "route", "source", "team", "group_user",
        }  # fmt: skip
        for _ in range(12):
            scene.go(10 * MINUTE, step=5 * MINUTE)
            scene.detect("brute-force", group={"user": HOSTILE})
        scene.go()
        (kept,) = alertpeers.standing(url)
        assert kept["startsAt"] == first["startsAt"]
        assert kept["endsAt"] > first["endsAt"]
        assert kept["fingerprint"] == first["fingerprint"]
        assert len(scene.events("alert.sent")) == 1, "that it lasts is no news"
        scene.go(31 * MINUTE, step=MINUTE)
        assert alertpeers.standing(url) == []
        assert scene.events("alert.resolved")
        scene.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certified(tmp_path_factory.mktemp("mail"), "localhost")


def smtp(folder, port, certificate, more=""):
    return channel(
        folder,
        f"{{type: smtp, host: localhost, port: {port}, ca_file: '{certificate[0]}', sender: guarita@example.com, "
        f"to: [a@example.com, b@example.com], timeout: 60{more}}}",
    )


def test_a_real_mail_server_takes_a_thread_of_mails(tmp_path, certificate, monkeypatch):
    monkeypatch.setenv("PASSWORD", "right")
    with alertpeers.mail_server(*certificate, login=True) as (port, box):
        sender = smtp(tmp_path, port, certificate, ", username: guarita, password: {env: PASSWORD}")
        assert sender.send(hostile(HOSTILE), now=NOW) == "accepted for 2 of 2 recipients"
        sender.send(message(id="m2", kind="resolve", reply=True, quiet_since=NOW), now=NOW)
    assert box.logins[0] == ("guarita", "right")
    first, second = (
        email.message_from_bytes(content, policy=email.policy.default) for *_, content, _ in box.mails
    )
    assert all(secured for *_, secured in box.mails)
    assert box.mails[0][1] == ["a@example.com", "b@example.com"]
    assert set(first.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "References", "In-Reply-To", "Auto-Submitted",
        "X-Guarita-Incident", "Importance", "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert first["References"] == second["References"] == "<0123456789abcdef@guarita.example.com>"
    assert first["Message-ID"] != second["Message-ID"]
    assert "Bcc" not in first
    assert "Bcc: eve@example.com" in str(first["Subject"])
    assert "Nothing more was detected since 2027-01-15T08:00:00.000Z" in second.get_content()


def test_a_mail_server_without_tls_or_with_another_certificate_gets_nothing(tmp_path, certificate):
    with alertpeers.mail_server() as (port, box):
        with pytest.raises(ChannelRefusedError, match="STARTTLS") as caught:
            smtp(tmp_path, port, certificate).send(message(), now=NOW)
        assert caught.value.code == "alerts.smtp-tls"
        assert box.mails == []
        smtp(tmp_path, port, certificate, ", tls: none").send(message(), now=NOW)
        assert len(box.mails) == 1
    (tmp_path / "other").mkdir()
    other = certified(tmp_path / "other", "localhost")
    with alertpeers.mail_server(*certificate) as (port, box):
        with pytest.raises(ChannelRefusedError, match="certificate"):
            smtp(tmp_path, port, other).send(message(), now=NOW)
        assert box.mails == []


def test_what_a_mail_server_says_decides_whether_it_is_tried_again(tmp_path, certificate, monkeypatch):
    monkeypatch.setenv("PASSWORD", "kanarienvogel")
    with alertpeers.mail_server(*certificate, login=True) as (port, box):
        sender = smtp(tmp_path, port, certificate, ", username: guarita, password: {env: PASSWORD}")
        with pytest.raises(ChannelRefusedError, match="535") as caught:
            sender.send(message(), now=NOW)
        assert "kanarienvogel" not in str(caught.value)
    with alertpeers.mail_server(*certificate) as (port, box):
        sender = smtp(tmp_path, port, certificate)
        for said, error in (("451 later", ChannelUnavailableError), ("554 never", ChannelRefusedError)):
            box.refuse = said
            with pytest.raises(error, match=said[:3]):
                sender.send(message(), now=NOW)
    with pytest.raises(ChannelUnavailableError):
        sender.send(message(), now=NOW)


def test_a_mail_server_that_says_a_byte_at_a_time_is_left(tmp_path, certificate):
    with alertpeers.dripping() as port:
        section = SmtpChannel(host="localhost", port=port, sender="a@b.c", to=["a@b.c"], timeout=0.5)
        sender = Smtp(section, tmp_path)
        with pytest.raises(ChannelUnavailableError):
            sender.send(message(), now=NOW)


def test_apprise_reaches_what_it_knows(tmp_path, monkeypatch):
    with Server(alertpeers.Peer) as server:
        monkeypatch.setenv("URL", f"json://127.0.0.1:{server.server_address[1]}/kanarienvogel")
        sender = channel(tmp_path, "{type: apprise, scheme: json, url: {env: URL}}")
        assert sender.send(message(), now=NOW) == "Apprise says yes"
        ((_, _, body),) = server.stored["sent"]
        assert "Brute force" in json.loads(body)["title"]
        server.faults = ["500"]
        with pytest.raises(ChannelUnavailableError):
            sender.send(message(), now=NOW)
        other = channel(tmp_path, "{type: apprise, scheme: tgram, url: {env: URL}}")
        with pytest.raises(ChannelRefusedError) as caught:
            other.send(message(), now=NOW)
        assert "kanarienvogel" not in str(caught.value)


MAIL = Smtp(SmtpChannel(host="h", sender="a@b.c", to=["d@b.c"]), Path())


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_nothing_that_an_attacker_writes_breaks_out(value):
    told = hostile(value)
    mail = MAIL.mail(told, now=NOW)
    read = email.message_from_bytes(mail.as_bytes(), policy=email.policy.default)
    assert set(read.keys()) == set(mail.keys())
    assert read["To"] == "d@b.c"
    assert not any(ord(one) < 32 for one in str(read["Subject"]))
    posted = payload(told)
    for shown in (posted["text"], *(block["text"]["text"] for block in posted["blocks"])):
        assert "<" not in shown
        assert ">" not in shown
        assert all(after.startswith("\N{WORD JOINER}") for after in shown.split("@")[1:])
    assert posted["text"].count("`") == 6
    assert len(posted["blocks"][0]["text"]["text"]) <= 150
    assert len(posted["blocks"][1]["text"]["text"]) <= 3000
