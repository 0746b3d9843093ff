"""Full-text search in Elasticsearch, over TLS and within a deadline."""

from __future__ import annotations

from dataclasses import dataclass

import httpx


@dataclass(frozen=True)
class Hit:
    """One result, best first."""

    id: str
    title: str
    score: float


class SearchClient:
    """Asks one index. Raises `httpx.HTTPError` when the cluster does not answer in time."""

    def __init__(self, client: httpx.AsyncClient, index: str) -> None:
        self._client = client
        self._index = index

    @classmethod
    def connect(cls, url: str, index: str, timeout: float) -> SearchClient:
        """A client for the cluster at `url`; `timeout` in seconds."""
        return cls(httpx.AsyncClient(base_url=url, timeout=timeout), index)

    async def search(self, words: str, language: str, size: int) -> list[Hit]:
        """The best documents for these words."""
        body = {
            "size": size,
            "_source": ["title"],
            "query": {
                "bool": {
                    "must": {"multi_match": {"query": words, "fields": ["title^3", "body"]}},
                    "filter": {"term": {"language": language}},
                }
            },
        }
        answer = await self._client.post(f"/{self._index}/_search", json=body)
        answer.raise_for_status()
        hits = answer.json()["hits"]["hits"]
        return [Hit(hit["_id"], hit["_source"]["title"], hit["_score"]) for hit in hits]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
