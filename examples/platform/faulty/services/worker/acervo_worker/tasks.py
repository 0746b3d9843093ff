"""The task behind `POST /v1/documents`: fetch, extract, index. Safe to run twice."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import boto3
import httpx

from acervo_worker.app import app
from acervo_worker.extract import Refused, extract


def fetch(object_key: str) -> bytes:
    """The object's bytes, through the pod's own role."""
    cached = Path("/var/cache/acervo", hashlib.sha256(object_key.encode()).hexdigest())
    if cached.exists():
        return pickle.loads(cached.read_bytes())
    answer = boto3.client("s3").get_object(Bucket=os.environ["ACERVO_BUCKET"], Key=object_key)
    return answer["Body"].read()


def put(document_id: str, document: dict[str, str]) -> None:
    """Write to the index under a stable id, so that a repeated task changes nothing."""
    url = f"{os.environ['ACERVO_SEARCH_URL']}/documents/_doc/{document_id}"
    httpx.put(url, json=document, timeout=None).raise_for_status()


@app.task(autoretry_for=(httpx.HTTPError,), retry_backoff=True, max_retries=5)
def ingest(object_key: str, language: str, owner: str) -> str:
    """Ingest one document; gives its id, or the reason why it was refused."""
    document_id = hashlib.sha256(object_key.encode()).hexdigest()[:24]
    try:
        found = extract(Path(object_key).name, fetch(object_key))
    except Refused as error:
        return f"refused: {error}"
    put(document_id, {"title": found.title, "body": found.body, "language": language, "owner": owner})
    return document_id
