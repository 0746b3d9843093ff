"""Metrics and spans: what is counted, bounded and free of persons; nothing of either where it is not asked for."""

import asyncio
import http.client
import os
import re
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from servers import free_port
from starlette.testclient import TestClient

from guarita.errors import UsageError
from guarita.gateway import Gateway, GatewayMiddleware
from guarita.gateway.metrics.catalogue import METRICS
from guarita.gateway.metrics.prometheus import MAX_SERIES, exposition, meter
from guarita.gateway.refusal import UndecidedError
from guarita.gateway.tracing import Tracing

READ = {"authorization": "Bearer canary-ana docs:read"}
GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
PAGE = (Path(__file__).parents[2] / "docs/gateway-metrics.md").read_text()


def read(text):
    """Samples by name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def measured(gateway, registry):
    gateway.meter = meter(registry)

    def samples():
        return read(exposition(registry)[1].decode())

    return samples


def test_decisions_are_counted_by_outcome_code_and_rule(application, gateway, measured, letters):
    client = TestClient(GatewayMiddleware(application, gateway))
    for _ in range(5):
        client.get("/who", headers=READ)
    client.get("/docs")
    client.post("/docs", headers=READ)
    letters.revoked.add("canary-ana")
    client.get("/docs", headers=READ)
    with client.websocket_connect("/socket", headers={"authorization": "Bearer eva docs:read"}):
        assert measured()["guarita_gateway_sockets",] == 1
    found = measured()
    name = "guarita_gateway_decisions_total"

    def count(outcome, code, rule=""):
        return found.get((name, ("code", code), ("outcome", outcome), ("rule", rule)))

    assert count("granted", "", "rule-1") == 2
    assert count("refused", "credential.missing", "rule-1") == 1
    assert count("refused", "access.missing-permission", "rule-1") == 1
    assert count("refused", "token.revoked") == 1
    assert found["guarita_gateway_remembered_total", ("rule", "rule-1")] == 4
    assert found["guarita_gateway_credentials_total", ("authenticator", "jwt")] == 2
    assert found["guarita_gateway_decision_seconds_count", ("outcome", "refused")] == 3
    assert found["guarita_gateway_sockets",] == 0


def test_what_cannot_be_decided_is_counted_apart(application, gateway, measured, letters, monkeypatch):
    async def gone(request):
        raise UndecidedError("keys.unavailable", "out of reach")

    monkeypatch.setattr(letters, "authenticate", gone)
    TestClient(GatewayMiddleware(application, gateway)).get("/docs", headers=READ)
    key = (("code", "keys.unavailable"), ("outcome", "undecided"), ("rule", ""))
    assert measured()["guarita_gateway_decisions_total", *key] == 1


def test_nothing_of_a_person_stands_in_a_metric_and_their_number_is_bounded(
    application, gateway, measured, registry, letters
):
    client = TestClient(GatewayMiddleware(application, gateway))
    client.get("/who", headers=READ)
    client.get("/canary-path", headers=READ)
    letters.revoked.add("canary-ana")
    client.get("/docs?canary-query=1", headers=READ)
    for number in range(MAX_SERIES + 500):
        gateway.meter.decided("refused", f"custom.{number}", "", "", 0.001)
        gateway.meter.remembered(f"GET /rule/{number}")
    text = exposition(registry)[1].decode()
    assert "canary" not in text
    found = measured()
    series = [key for key in found if key[0] == "guarita_gateway_remembered_total"]
    assert len(series) <= MAX_SERIES + 1
    assert found["guarita_gateway_remembered_total", ("rule", "other")] >= 500
    total = sum(value for key, value in found.items() if key[0] == "guarita_gateway_remembered_total")
    assert total == MAX_SERIES + 500


CONFIGURED = """\
ledger: {{url: '{folder}/ledger.db'}}
gateway:
  proxies: [127.0.0.1]
  audit: {{interval: 1}}
  metrics: {{path: /metrics, port: {port}}}
  redis: {{url: '{redis}'}}
  revocation: {{poll_seconds: 0.1}}
  limits: {{rules: [{{name: few, quota: 3, window: 60, routes: ['/docs/{{id}}']}}]}}
  api_keys: {{store: 'sqlite:///{folder}/none.db', pepper: {{env: GUARITA_PEPPER}}}}
  tokens:
    insecure_loopback: true
    issuers: [{{issuer: {issuer}, audiences: [{audience}]}}]
  access:
    roles: {{reader: {{allow: ["docs:read"]}}, scraper: {{allow: ["metrics:read"]}}}}
    bindings:
      - {{role: reader, scope: "docs:read"}}
      - {{role: scraper, scope: "metrics:read"}}
    routes:
      - {{path: "/docs/{{id}}", methods: [GET], permissions: ["docs:read"]}}
      - {{path: /metrics, methods: [GET], permissions: ["metrics:read"]}}
"""


@pytest.fixture
def file(tmp_path, local_issuer, redis, monkeypatch):
    monkeypatch.setenv("GUARITA_PEPPER", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
    path = tmp_path / "guarita.yaml"
    path.write_text(
        CONFIGURED.format(
            folder=tmp_path, port=free_port(), redis=redis.url, issuer=local_issuer.issuer,
            audience=local_issuer.audience,
        )
    )  # fmt: skip
    return path


def bearer(issuer, scope):
    return {"authorization": f"Bearer {issuer.mint(scope=scope)}"}


def test_everything_that_the_gateway_stands_on_is_told(file, application, local_issuer, redis):
    """By a real issuer, a real Redis, and a store of API keys that is not there."""
    gateway = Gateway.from_file(file)
    with TestClient(GatewayMiddleware(application, gateway)) as client:

        def samples():
            answer = client.get("/metrics", headers=bearer(local_issuer, "metrics:read"))
            assert answer.headers["content-type"].startswith("text/plain")
            return read(answer.text)

        before = samples()
        reader = bearer(local_issuer, "docs:read")
        codes = [client.get("/docs/1", headers=reader).status_code for _ in range(5)]
        assert codes[-1] == 429
        client.get("/docs/1", headers={"x-api-key": key_of_nobody()})
        client.get("/docs/1")
        time.sleep(1.5)
        found = samples()

        def grown(name, **labels):
            key = (f"guarita_gateway_{name}", *sorted(labels.items()))
            return found[key] - before.get(key, 0)

        issuer = local_issuer.issuer
        assert grown("cache_total", cache="tokens", outcome="hit") >= 4
        assert grown("cache_total", cache="tokens", outcome="miss") >= 1
        assert grown("cache_total", cache="api-keys", outcome="miss") == 1
        assert grown("limited_total", limit="few") == 2
        assert grown("asked_total", dependency="revocation", outcome="answered") > 0
        assert grown("asked_total", dependency="ledger", outcome="answered") > 0
        assert grown("asked_total", dependency="api-keys", outcome="failed") == 1
        assert found["guarita_gateway_up", ("dependency", "api-keys")] == 0
        assert found["guarita_gateway_up", ("dependency", "keys")] == 1
        assert found["guarita_gateway_keys", ("issuer", issuer)] == 1
        assert (
            abs(found["guarita_gateway_keys_fetched_timestamp_seconds", ("issuer", issuer)] - time.time())
            < 60
        )
        assert abs(found["guarita_gateway_revocations_heard_timestamp_seconds",] - time.time()) < 60
        assert found["guarita_gateway_policy_right",] == 1
        assert found["guarita_gateway_ledger_waiting",] == 0
        redis.kill()
        deadline = time.monotonic() + 30
        while samples()["guarita_gateway_up", ("dependency", "revocation")] != 0:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def key_of_nobody():
    from guarita.gateway.apikeys import form

    return form.generate("live").text


def test_metrics_in_an_application_are_for_whom_the_policy_lets_through(file, application, local_issuer):
    with TestClient(GatewayMiddleware(application, Gateway.from_file(file))) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers=bearer(local_issuer, "docs:read")).status_code == 403
        answer = client.head("/metrics", headers=bearer(local_issuer, "metrics:read"))
        assert (answer.status_code, answer.content) == (200, b"")
        assert client.post("/metrics", headers=bearer(local_issuer, "metrics:read")).status_code == 403


def test_the_server_serves_them_at_a_port_of_their_own(file):
    port, own = int(re.search(r"port: (\d+)", file.read_text()).group(1)), free_port()
    process = subprocess.Popen(
        [GUARITA, "gateway", "serve", "--config", file, "--port", str(own)], stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                assert ask(own, "/nginx", {"x-original-method": "GET", "x-original-uri": "/docs/1"}) == (
                    401,
                    "",
                )
                break
            except ConnectionError:
                assert process.poll() is None, process.stderr.read().decode()
                assert time.monotonic() < deadline
                time.sleep(0.1)
        status, text = ask(port, "/metrics", {})
        assert status == 200
        key = (("code", "credential.missing"), ("outcome", "refused"), ("rule", "GET /docs/{id}"))
        assert read(text)["guarita_gateway_decisions_total", *key] == 1
        second = subprocess.run(
            [GUARITA, "gateway", "serve", "--config", file, "--port", str(free_port())],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert second.returncode == 2
        assert f"127.0.0.1:{port} cannot be listened on" in second.stderr
    finally:
        process.terminate()
        assert process.wait(timeout=30) in {0, -15}


def ask(port, path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    return answer.status, text if answer.status == 200 else ""


SEVERAL = """
import os, sys
from guarita.gateway.metrics.prometheus import exposition, meter
children = []
for number in range(3):
    if child := os.fork():
        children.append(child)
        continue
    told = meter()
    for _ in range(number + 1):
        told.decided("granted", "", "GET /docs/{id}", "jwt", 0.001)
    told.ledger(waiting=number, untold=0)
    told.asked("limits", answered=number != 1)
    sys.stdout.flush()
    os.read(int(sys.argv[1]), 1)
    os._exit(0)
import time
time.sleep(1)
print(exposition()[1].decode())
for child in children:
    os.write(int(sys.argv[2]), b"x")
for child in children:
    os.waitpid(child, 0)
"""


def test_several_processes_are_counted_as_one(tmp_path):
    ours, theirs = os.pipe()
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL, str(ours), str(theirs)], pass_fds=(ours, theirs), text=True, check=True,
        capture_output=True, env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
    )  # fmt: skip
    found = read(done.stdout)
    key = (("code", ""), ("outcome", "granted"), ("rule", "GET /docs/{id}"))
    assert found["guarita_gateway_decisions_total", *key] == 6
    assert found["guarita_gateway_ledger_waiting",] == 3
    assert found["guarita_gateway_up", ("dependency", "limits")] == 0, "down for one is down"


def test_where_nothing_is_asked_for_nothing_is_loaded(tmp_path):
    (tmp_path / "guarita.yaml").write_text(
        "gateway: {access: {routes: [{path: /x, methods: [GET], public: true}]}}\n"
    )
    code = (
        "import sys\nfrom guarita.gateway import Gateway\nGateway.from_file('guarita.yaml')\n"
        "print([name for name in sys.modules if name.startswith(('prometheus_client', 'opentelemetry'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# Spans.


@pytest.fixture
def spans(gateway):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    gateway.tracing = Tracing(provider)
    yield exporter.get_finished_spans, provider.get_tracer("tests")
    provider.shutdown()


def test_each_decision_is_a_span_that_names_nobody(application, gateway, spans, letters):
    finished, _ = spans
    client = TestClient(GatewayMiddleware(application, gateway))
    client.get("/who?canary-query", headers=READ)
    client.get("/docs")

    async def gone(request):
        raise UndecidedError("keys.unavailable", "out of reach at canary-host")

    letters.authenticate = gone
    client.get("/docs", headers=READ)
    granted, refused, undecided = finished()
    assert granted.name == "guarita.gateway.decide"
    assert dict(granted.attributes) == {
        "http.request.method": "GET", "guarita.outcome": "granted", "guarita.rule": "rule-1",
        "guarita.authenticator": "jwt",
    }  # fmt: skip
    assert refused.attributes["guarita.code"] == "credential.missing"
    assert refused.status.is_unset, "a refusal is no fault"
    assert undecided.attributes["guarita.outcome"] == "undecided"
    assert not undecided.status.is_ok
    assert "canary" not in "".join(span.to_json() for span in finished())


def test_a_span_belongs_to_the_trace_under_way_or_to_the_one_that_the_request_names(
    application, gateway, spans
):
    finished, tracer = spans
    client = TestClient(GatewayMiddleware(application, gateway))
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    client.get("/docs", headers={"traceparent": f"00-{trace}-{parent}-01"})
    (span,) = finished()
    assert f"{span.context.trace_id:032x}" == trace
    assert f"{span.parent.span_id:016x}" == parent
    with tracer.start_as_current_span("outer") as outer:
        from guarita.gateway.interface import Request

        with pytest.raises(Exception, match="credential"):
            asyncio.run(
                gateway.admit(
                    Request("GET", "/docs", ((b"traceparent", f"00-{trace}-{parent}-01".encode()),))
                )
            )
    assert finished()[1].parent.span_id == outer.get_span_context().span_id


def test_spans_without_opentelemetry_are_said_to_lack_it(tmp_path, monkeypatch):
    (tmp_path / "guarita.yaml").write_text("gateway: {tracing: true}\n")
    assert Gateway.from_file(tmp_path / "guarita.yaml").tracing is not None
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(UsageError, match="opentelemetry-api is not installed"):
        Gateway.from_file(tmp_path / "guarita.yaml")


def test_the_page_lists_every_metric_as_it_is():
    rows = re.findall(r"^\| `(guarita_gateway_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (one.whole, one.kind, ", ".join(f"`{label}`" for label in one.labels), one.text)
        for one in METRICS.values()
    ]
