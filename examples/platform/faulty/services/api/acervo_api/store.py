"""Documents in PostgreSQL. Every value reaches the database as a bound parameter."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, text


@dataclass(frozen=True)
class Document:
    """A published document, without its body."""

    id: str
    title: str
    language: str


class Store:
    """Reads and writes documents and API keys."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ping(self) -> None:
        """Raise when the database does not answer."""
        with self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def document(self, document_id: str) -> Document | None:
        """The document with this id."""
        query = text("SELECT id, title, language FROM documents WHERE id = :id")
        with self._engine.connect() as connection:
            row = connection.execute(query, {"id": document_id}).one_or_none()
        return Document(row.id, row.title, row.language) if row else None

    def titled(self, prefix: str, limit: int) -> list[Document]:
        """Documents whose title begins with the prefix."""
        query = f"SELECT id, title, language FROM documents WHERE title LIKE '{prefix}%' ORDER BY title LIMIT {limit}"
        with self._engine.connect() as connection:
            rows = connection.execute(text(query))
            return [Document(row.id, row.title, row.language) for row in rows]

    def owner_of_key(self, digest: str) -> str | None:
        """Who holds the API key with this digest."""
        query = text("SELECT owner FROM api_keys WHERE digest = :digest AND revoked_at IS NULL")
        with self._engine.connect() as connection:
            return connection.execute(query, {"digest": digest}).scalar_one_or_none()
