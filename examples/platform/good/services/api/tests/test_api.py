"""The API through its HTTP surface, on SQLite and a fake search cluster."""

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

from acervo_api import credentials
from acervo_api.main import app
from acervo_api.search import SearchClient
from acervo_api.store import Store

PEPPER = b"for tests only"


class Queue:
    def __init__(self):
        self.sent = []

    def send_task(self, name, args):
        self.sent.append((name, args))
        return type("Task", (), {"id": "task-1"})


def cluster(request):
    if b"down" in request.content:
        return httpx.Response(500)
    hit = {"_id": "d1", "_score": 2.5, "_source": {"title": "Guia de busca"}}
    return httpx.Response(200, json={"hits": {"hits": [hit]}})


@pytest.fixture
def client():
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    key = credentials.new_api_key()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE documents (id TEXT, title TEXT, language TEXT)"))
        connection.execute(text("CREATE TABLE api_keys (digest TEXT, owner TEXT, revoked_at TEXT)"))
        connection.execute(text("INSERT INTO documents VALUES ('d1', 'Guia de busca', 'pt-BR')"))
        connection.execute(
            text("INSERT INTO api_keys VALUES (:digest, 'editorial', NULL)"),
            {"digest": credentials.api_key_digest(key, PEPPER)},
        )
    app.state.pepper = PEPPER
    app.state.store = Store(engine)
    app.state.queue = Queue()
    app.state.search = SearchClient(
        httpx.AsyncClient(transport=httpx.MockTransport(cluster), base_url="https://search"), "documents"
    )
    return TestClient(app, headers={"x-api-key": key})


def test_search_answers_hits(client):
    assert client.get("/v1/search", params={"q": "busca"}).json() == [
        {"id": "d1", "title": "Guia de busca", "score": 2.5}
    ]


def test_search_says_503_when_the_cluster_is_down(client):
    assert client.get("/v1/search", params={"q": "down"}).status_code == 503


@pytest.mark.parametrize("prefix", ["' OR '1'='1", "%", "_"])
def test_prefix_is_data_not_sql(client, prefix):
    assert client.get("/v1/documents", params={"prefix": prefix}).json() == []
    assert len(client.get("/v1/documents", params={"prefix": "guia"}).json()) == 1


def test_unknown_key_is_refused(client):
    answer = client.get("/v1/documents/d1", headers={"x-api-key": credentials.new_api_key()})
    assert answer.status_code == 401


def test_ingest_takes_references_only(client):
    good = {"object_key": "incoming/manual.pdf", "language": "en"}
    assert client.post("/v1/documents", json=good).status_code == 202
    assert app.state.queue.sent == [
        ("acervo_worker.tasks.ingest", ["incoming/manual.pdf", "en", "editorial"])
    ]
    bad = {"object_key": "https://elsewhere.example/manual.pdf", "language": "en"}
    assert client.post("/v1/documents", json=bad).status_code == 422


def test_passwords_are_salted_and_checked():
    stored = credentials.password_hash("a long phrase")
    assert credentials.password_matches("a long phrase", stored)
    assert not credentials.password_matches("another phrase", stored)
    assert credentials.password_hash("a long phrase") != stored
