"""Elasticsearch, OTLP and S3: every entry arrives once by its identifier, whatever the peer does."""

import http.client
import json
import random
import threading

import pytest
import sinkservers
from moto.server import ThreadedMotoServer

from guarita.audit import events, open_ledger
from guarita.audit.events.secret import Secret
from guarita.audit.sinks.cursor import cursors
from guarita.audit.sinks.elasticsearch import ElasticsearchSink, credentials
from guarita.audit.sinks.http import Peer
from guarita.audit.sinks.interface import SinkRefusedError, SinkUnavailableError
from guarita.audit.sinks.otlp import OtlpSink
from guarita.audit.sinks.s3 import S3Sink
from guarita.audit.sinks.shipper import Pace, Shipper

QUICK = Pace(first=0.01, longest=0.02, patience=60)
COUNT = 230


def grown(ledger, count):
    ledger.append_all(
        events.api_activity(
            time=1_764_000_000_000 + n, operation=f"o{n}", actor="a", severity="high" if n % 3 else "info"
        )
        for n in range(ledger.size, count)
    )


@pytest.fixture
def ledger(tmp_path):
    with open_ledger(str(tmp_path / "l.db"), origin="example.com/log") as opened:
        grown(opened, COUNT)
        yield opened


@pytest.fixture
def elasticsearch():
    with sinkservers.Server(sinkservers.Elasticsearch) as server:
        yield server


@pytest.fixture
def collector():
    with sinkservers.Server(sinkservers.Collector) as server:
        yield server


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture
def s3(moto):
    for method, path in (("POST", "/moto-api/reset"), ("PUT", "/bucket")):
        connection = http.client.HTTPConnection(*moto)
        connection.request(
            method, path, headers={"authorization": "AWS4-HMAC-SHA256 Credential=a/1/us-east-1/s3/x"}
        )
        assert connection.getresponse().status == 200
        connection.close()
    with sinkservers.Server(sinkservers.ToS3, behind=moto) as server:
        yield server


def es_sink(server, timeout=20, **more):
    return ElasticsearchSink(Peer(server.url, timeout=timeout, **more), "audit")


def otlp_sink(server, timeout=20):
    return OtlpSink(Peer(f"{server.url}/v1/logs", timeout=timeout))


def s3_sink(server, timeout=20, prefix="a/b"):
    keys = {"access_key_id": Secret("a"), "secret_access_key": Secret("b")}
    return S3Sink(
        "bucket", prefix, region="us-east-1", endpoint=server.url, timeout=timeout, credentials=lambda: keys
    )


def ship(ledger, sink, name="x", batch=40, pace=QUICK):
    shipper = Shipper(ledger, name, sink, batch=batch, pace=pace, rng=random.Random(1))
    shipper.run()
    return shipper


def leaf_hashes(ledger, count=COUNT):
    return [leaf.hash.hex() for leaf in ledger.entries(0, count)]


def arrived(server):
    """What stands at the peer: (index, leaf hash, event), in order of index."""
    if server.RequestHandlerClass is sinkservers.Elasticsearch:
        documents = server.stored.get("audit", {})
        found = [
            (one["guarita"]["index"], one["guarita"]["leaf_hash"], one["ocsf"]) for one in documents.values()
        ]
        assert all(str(index) == id_ for (index, _, _), id_ in zip(found, documents, strict=True))
        return sorted(found, key=lambda one: one[0])
    if server.RequestHandlerClass is sinkservers.Collector:
        found = []
        for uid, record in server.stored.items():
            attributes = {one.key: one.value for one in record.attributes}
            index = attributes["guarita.index"].int_value
            assert uid == f"example.com/log/{index}"
            found.append(
                (index, attributes["guarita.leaf_hash"].string_value, json.loads(record.body.string_value))
            )
        return sorted(found, key=lambda one: one[0])
    lines = []
    for name, content in sinkservers.objects("http://{}:{}".format(*server.behind)).items():
        first, last = name.rpartition("/")[2].removesuffix(".jsonl.gz").split("-")
        assert [one["index"] for one in content] == list(range(int(first), int(last) + 1))
        lines += content
    return [(one["index"], one["leaf_hash"], one["event"]) for one in lines]


def must_have_all(ledger, server, count=COUNT):
    found = arrived(server)
    assert [(index, leaf_hash) for index, leaf_hash, _ in found] == list(
        enumerate(leaf_hashes(ledger, count))
    )
    assert [event["api"]["operation"] for _, _, event in found] == [f"o{n}" for n in range(count)]


PEERS = {"elasticsearch": es_sink, "collector": otlp_sink, "s3": s3_sink}


@pytest.mark.parametrize("peer", PEERS)
def test_every_entry_arrives_and_a_second_run_adds_what_is_new(ledger, request, peer):
    server = request.getfixturevalue(peer)
    assert ship(ledger, PEERS[peer](server)).sent == COUNT
    must_have_all(ledger, server)
    before = len(server.requests)
    assert ship(ledger, PEERS[peer](server)).sent == 0
    assert len(server.requests) == before
    grown(ledger, COUNT + 5)
    assert ship(ledger, PEERS[peer](server)).sent == 5
    must_have_all(ledger, server, COUNT + 5)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_that_fails_in_every_way_gets_every_entry_once(ledger, request, peer, seed):
    server, rng = request.getfixturevalue(peer), random.Random(seed)
    faults = [*sinkservers.FAULTS, "drop-after", "ok", "ok", "ok", "drop-after"]
    if peer == "s3":
        faults.remove("garbage")  # an S3 PUT is answered by its status alone
    rng.shuffle(faults)
    server.faults = list(faults)
    ship(ledger, PEERS[peer](server, timeout=0.7))
    assert server.faults == []
    must_have_all(ledger, server)
    cursor = cursors(ledger.store)["x"]
    assert (cursor.next, cursor.failure, cursor.refused) == (COUNT, None, 0)


@pytest.mark.parametrize("done", [0, 1])
@pytest.mark.parametrize("peer", PEERS)
def test_when_the_acknowledgement_is_lost_and_the_shipper_dies_nothing_stands_twice(
    ledger, request, peer, done
):
    server = request.getfixturevalue(peer)
    server.faults = ["ok"] * done + ["drop-after"]
    with pytest.raises(SinkUnavailableError):
        ship(ledger, PEERS[peer](server), pace=Pace(patience=0))
    assert cursors(ledger.store)["x"].next == 40 * done
    grown(ledger, COUNT + 10)
    # Another shipper, which would make other batches, finishes the one that was begun first.
    ship(ledger, PEERS[peer](server), batch=100)
    must_have_all(ledger, server, COUNT + 10)


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_that_hangs_times_out_and_the_ledger_takes_entries_meanwhile(ledger, request, peer):
    server = request.getfixturevalue(peer)
    server.faults = ["hang"] * 3
    stop = threading.Event()
    shipper = Shipper(ledger, "x", PEERS[peer](server, timeout=0.7), batch=100, pace=QUICK, stop=stop)
    thread = threading.Thread(target=lambda: shipper.run(follow=True))
    thread.start()
    try:
        while len(server.requests) < 2:
            stop.wait(0.01)
        grown(ledger, COUNT + 20)
        assert ledger.size == COUNT + 20
        while cursors(ledger.store)["x"].next < COUNT + 20:
            stop.wait(0.01)
    finally:
        stop.set()
        thread.join()
    must_have_all(ledger, server, COUNT + 20)


@pytest.mark.parametrize("peer", PEERS)
def test_a_refusal_ends_the_run_at_once_and_is_told_without_secrets(ledger, request, peer):
    server = request.getfixturevalue(peer)
    server.faults = ["ok", "403"]
    with pytest.raises(SinkRefusedError) as caught:
        ship(ledger, PEERS[peer](server))
    assert len(server.requests) == 2
    failure = cursors(ledger.store)["x"].failure
    assert failure.code == caught.value.code == "audit.sink-refused"
    assert failure.attempts == 1
    assert cursors(ledger.store)["x"].next == 40
    ship(ledger, PEERS[peer](server))
    must_have_all(ledger, server)
    assert cursors(ledger.store)["x"].failure is None


def test_a_credential_that_no_header_can_hold_is_refused_and_not_shown(ledger, elasticsearch):
    for value in ("schlüssel-kanarienvogel", "kanarien\nvogel"):
        sink = es_sink(elasticsearch, credentials=lambda value=value: {"authorization": Secret(value)})
        with pytest.raises((SinkRefusedError, SinkUnavailableError)) as caught:
            ship(ledger, sink, pace=Pace(patience=0))
        assert "vogel" not in caught.value.message + str(cursors(ledger.store))
    assert elasticsearch.requests == []


@pytest.mark.parametrize("token", [None, "OURS"])
def test_s3_credentials_of_the_configuration_are_not_mixed_with_the_environments(
    ledger, s3, monkeypatch, token
):
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", "THEIRS")
    keys = {"access_key_id": Secret("OURS"), "secret_access_key": Secret("b")}
    keys |= {"session_token": Secret(token)} if token else {}
    for credentials_, known, known_token in ((keys, "OURS", token), ({}, "THEIRS", "THEIRS")):
        sink = S3Sink(
            "bucket",
            known,
            region="us-east-1",
            endpoint=s3.url,
            timeout=20,
            credentials=lambda c=credentials_: c,
        )
        ship(ledger, sink, name=known.lower(), batch=COUNT)
        headers = {name.lower(): value for name, value in s3.requests[-1][2].items()}
        assert f"Credential={known}/" in headers["authorization"]
        assert headers.get("x-amz-security-token") == known_token


def test_two_shippers_of_one_sink_do_each_other_no_harm(ledger, s3):
    shippers = [Shipper(ledger, "x", s3_sink(s3), batch=7, pace=QUICK) for _ in range(2)]
    threads = [threading.Thread(target=shipper.run) for shipper in shippers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    must_have_all(ledger, s3)
    assert sum(shipper.sent for shipper in shippers) == COUNT


@pytest.mark.parametrize("peer", ["elasticsearch", "s3"])
def test_another_ledger_in_the_same_place_is_refused_and_overwrites_nothing(ledger, request, peer, tmp_path):
    server = request.getfixturevalue(peer)
    ship(ledger, PEERS[peer](server))
    with open_ledger(str(tmp_path / "other.db"), origin="example.com/log") as other:
        other.append(events.api_activity(time=1, operation="other", actor="b"))
        grown(other, 40)
        with pytest.raises(SinkRefusedError) as caught:
            ship(other, PEERS[peer](server))
        assert caught.value.code == "audit.sink-foreign"
    must_have_all(ledger, server)


def test_elasticsearch_items_are_judged_one_by_one(ledger, elasticsearch):
    full = {"7": 3, "9": 1}

    def busy(id_, source):
        full[id_] = full.get(id_, 0) - 1
        return (429, "es_rejected_execution_exception") if full[id_] >= 0 else None

    elasticsearch.judge = busy
    ship(ledger, es_sink(elasticsearch))
    must_have_all(ledger, elasticsearch)
    assert elasticsearch.conflicts


def test_an_event_that_the_mapping_refuses_is_kept_as_text(ledger, elasticsearch):
    elasticsearch.judge = lambda id_, source: (
        (400, "document_parsing_exception") if id_ == "5" and "ocsf" in source else None
    )
    ship(ledger, es_sink(elasticsearch))
    document = elasticsearch.stored["audit"].pop("5")
    assert json.loads(document["event"]["original"])["api"]["operation"] == "o5"
    assert document["guarita"]["leaf_hash"] == leaf_hashes(ledger)[5]
    assert len(elasticsearch.stored["audit"]) == COUNT - 1


def test_an_item_that_is_refused_for_good_stops_the_sink_and_its_reason_is_not_repeated(
    ledger, elasticsearch
):
    elasticsearch.judge = lambda id_, source: (
        (400, "strict_dynamic_mapping_exception") if id_ == "5" else None
    )
    with pytest.raises(SinkRefusedError) as caught:
        ship(ledger, es_sink(elasticsearch))
    assert "entry 5: strict_dynamic_mapping_exception" in caught.value.message
    assert "kanarienvogel" not in str(cursors(ledger.store))
    assert cursors(ledger.store)["x"].next == 0


def test_a_request_too_large_is_halved(ledger, elasticsearch):
    def too_large(handler, body):
        elasticsearch.faults.insert(0, too_large)
        return "413" if body.count(b"\n") > 20 else "ok"

    elasticsearch.faults = [too_large]
    ship(ledger, es_sink(elasticsearch))
    must_have_all(ledger, elasticsearch)


def test_a_bulk_answer_about_something_else_is_no_acknowledgement(ledger, elasticsearch):
    def lie(handler, body):
        handler.answer(200, b'{"errors":false,"items":[]}')
        handler.close_connection = True
        return "drop-before"

    elasticsearch.faults = [lie]
    ship(ledger, es_sink(elasticsearch))
    must_have_all(ledger, elasticsearch)


def test_records_that_a_collector_drops_for_good_are_counted_and_not_sent_again(ledger, collector):
    collector.judge = lambda uid, record: uid.endswith(("/3", "/77"))
    ship(ledger, otlp_sink(collector))
    assert cursors(ledger.store)["x"].refused == 2
    assert len(collector.stored) == COUNT - 2
    assert len(collector.requests) == 6


def test_otlp_records_carry_time_and_severity(ledger, collector):
    ship(ledger, otlp_sink(collector))
    record = collector.stored["example.com/log/1"]
    assert record.time_unix_nano == 1_764_000_000_001 * 10**6
    assert (record.severity_number, record.severity_text) == (17, "High")


def test_credentials_are_sent_and_read_again_for_each_request(ledger, elasticsearch):
    keys = iter([Secret("old"), Secret("new"), *[Secret("newer")] * 9])
    sink = es_sink(elasticsearch, credentials=lambda: credentials(None, None, next(keys)))
    ship(ledger, sink)
    sent = [headers["authorization"] for _, _, headers in elasticsearch.requests]
    assert sent[:3] == ["ApiKey old", "ApiKey new", "ApiKey newer"]
    assert credentials("u", Secret("p"), None)["authorization"].reveal() == "Basic dTpw"


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None), ("", None)]
)
def test_what_the_peer_asks_for_is_heard(ledger, collector, said, seconds):
    collector.faults = [f"429+{said}"]
    with pytest.raises(SinkUnavailableError) as caught:
        ship(ledger, otlp_sink(collector), pace=Pace(patience=0))
    assert caught.value.retry_after == seconds


def test_waiting_grows_with_jitter_and_heeds_the_peer():
    rng, pace = random.Random(1), Pace(first=0.5, longest=60)
    down = SinkUnavailableError("x", "x")
    for attempts in range(1, 200):
        waits = [pace.after(attempts, down, rng) for _ in range(20)]
        assert max(waits) <= min(60, 0.5 * 2 ** (attempts - 1))
        assert len(set(waits)) > 1
    assert pace.after(1, SinkUnavailableError("x", "x", retry_after=7), rng) == 7
    assert pace.after(1, SinkUnavailableError("x", "x", retry_after=10**9), rng) == 600
    assert max(pace.after(1, SinkRefusedError("x", "x"), rng) for _ in range(50)) > 10
