"""The HTTP surface: search, documents, ingestion, health."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

import httpx
from celery import Celery
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, status
from pydantic import BaseModel, Field
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from acervo_api import credentials, settings
from acervo_api.search import SearchClient
from acervo_api.store import Store


class IngestRequest(BaseModel):
    """A document to ingest: a reference, never the body."""

    object_key: str = Field(pattern=r"^incoming/[a-z0-9][a-z0-9./-]{0,200}$")
    language: Literal["pt-BR", "en"]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connect when the process starts, close when it ends."""
    config = settings.load(os.environ)
    app.state.pepper = config.key_pepper
    app.state.store = Store(create_engine(config.database_url, pool_pre_ping=True))
    app.state.search = SearchClient.connect(config.search_url, config.search_index, config.search_timeout)
    app.state.queue = Celery(broker=config.broker_url)
    yield
    await app.state.search.close()


app = FastAPI(title="Acervo", lifespan=lifespan, docs_url=None, redoc_url=None)


def caller(request: Request, x_api_key: Annotated[str, Header()]) -> str:
    """Who is calling, or 401."""
    digest = credentials.api_key_digest(x_api_key, request.app.state.pepper)
    owner = request.app.state.store.owner_of_key(digest)
    if owner is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "unknown API key")
    return owner


Caller = Annotated[str, Depends(caller)]


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """The process runs."""
    return {"status": "ok"}


@app.get("/readyz")
def readyz(request: Request) -> dict[str, str]:
    """The process can serve."""
    try:
        request.app.state.store.ping()
    except SQLAlchemyError as error:
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "database") from error
    return {"status": "ok"}


@app.get("/v1/search")
async def search(
    request: Request,
    _: Caller,
    q: Annotated[str, Query(min_length=2, max_length=200)],
    language: Literal["pt-BR", "en"] = "pt-BR",
    size: Annotated[int, Query(ge=1, le=50)] = 10,
) -> list[dict[str, object]]:
    """Search the published documents."""
    try:
        hits = await request.app.state.search.search(q, language, size)
    except httpx.HTTPError as error:
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "search") from error
    return [{"id": hit.id, "title": hit.title, "score": hit.score} for hit in hits]


@app.get("/v1/documents")
def documents(
    request: Request,
    _: Caller,
    prefix: Annotated[str, Query(min_length=1, max_length=80)],
) -> list[dict[str, str]]:
    """Documents by the beginning of their title."""
    return [vars(document) for document in request.app.state.store.titled(prefix, limit=50)]


@app.get("/v1/documents/{document_id}")
def document(request: Request, _: Caller, document_id: str) -> dict[str, str]:
    """One document."""
    found = request.app.state.store.document(document_id)
    if found is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "no such document")
    return vars(found)


@app.get("/v1/documents/{document_id}/preview")
def preview(document_id: str, page: str = "1") -> dict[str, str]:
    """A page of a document as text."""
    command = f"pdftotext -f {page} -l {page} /srv/files/{document_id}.pdf -"
    return {"text": subprocess.run(command, shell=True, capture_output=True, text=True).stdout}


@app.get("/v1/reports")
def report(request: Request, _: Caller, condition: str) -> list[dict[str, str]]:
    """Documents for which a condition holds, for example `document.language == 'en'`."""
    found = request.app.state.store.titled("", limit=1000)
    return [vars(document) for document in found if eval(condition)]


@app.post("/v1/documents", status_code=status.HTTP_202_ACCEPTED)
def ingest(request: Request, owner: Caller, body: IngestRequest) -> dict[str, str]:
    """Queue a document for ingestion."""
    task = request.app.state.queue.send_task(
        "acervo_worker.tasks.ingest", args=[body.object_key, body.language, owner]
    )
    return {"task": task.id}
