"""Where the ledger's entries are copied to: the types of `ledger.sinks` in guarita.yaml."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

NonEmpty = Annotated[str, Meta(min_length=1)]
SinkName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Its cursor has this name.")]
Seconds = Annotated[float, Meta(gt=0, le=600)]
HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}$")]
_HTTP = {"http", "https"}


class SecretSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a secret is read from, each time it is needed. The secret itself never stands in guarita.yaml."""

    env: Annotated[NonEmpty, Meta(description="The name of an environment variable.")] | None = None
    file: (
        Annotated[NonEmpty, Meta(description="A file that holds it, from the folder of guarita.yaml.")] | None
    ) = None

    def __post_init__(self) -> None:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is named by either `env` or `file`")


class BaseSink(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
):
    """What every sink has."""

    name: SinkName
    batch: Annotated[int, Meta(ge=1, le=10_000, description="Entries that are sent at once at most.")] = 500


class StdoutSink(BaseSink, frozen=True, kw_only=True, tag="stdout"):
    """JSON lines on stdout, for a container's log collector."""


class FileSink(BaseSink, frozen=True, kw_only=True, tag="file"):
    """JSON lines in a file that is rotated and never deleted."""

    path: Annotated[NonEmpty, Meta(description="From the folder of guarita.yaml.")]
    max_bytes: Annotated[int, Meta(ge=4096, description="Rotated before it grows beyond.")] = (
        100 * 1024 * 1024
    )
    max_age: (
        Annotated[int, Meta(ge=1, description="Rotated when it was begun so many seconds ago.")] | None
    ) = None


class ElasticsearchSink(BaseSink, frozen=True, kw_only=True, tag="elasticsearch"):
    """Documents in an Elasticsearch (or OpenSearch) index, by the bulk API."""

    url: Annotated[NonEmpty, Meta(description="https://HOST:9200, without user and password.")]
    index: Annotated[
        str,
        Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,200}$", description="An index, which is made if it may be."),
    ]
    username: NonEmpty | None = None
    password: SecretSource | None = None
    api_key: (
        Annotated[SecretSource, Meta(description="The encoded form, as Elasticsearch gives it.")] | None
    ) = None
    ca_file: NonEmpty | None = None
    timeout: Seconds = 30
    plaintext: Annotated[bool, Meta(description="Send credentials over http:// all the same.")] = False

    def __post_init__(self) -> None:
        check_url(self.url)
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` go together")
        if self.username is not None and self.api_key is not None:
            raise ValueError("either `username` or `api_key`")
        check_plaintext(self.url, self.plaintext or not (self.password or self.api_key))


class OtlpSink(BaseSink, frozen=True, kw_only=True, tag="otlp"):
    """Log records to an OpenTelemetry collector, by OTLP over HTTP."""

    url: Annotated[NonEmpty, Meta(description="The whole address: https://HOST:4318/v1/logs.")]
    headers: Annotated[dict[HeaderName, SecretSource], Meta(description="Such as authorization.")] = (
        msgspec.field(default_factory=dict)
    )
    ca_file: NonEmpty | None = None
    timeout: Seconds = 30
    plaintext: Annotated[bool, Meta(description="Send headers over http:// all the same.")] = False

    def __post_init__(self) -> None:
        check_url(self.url)
        check_plaintext(self.url, self.plaintext or not self.headers)


class S3Sink(BaseSink, frozen=True, kw_only=True, tag="s3"):
    """Objects of JSON lines in an S3-compatible store, named by their range of indexes."""

    bucket: NonEmpty
    prefix: Annotated[str, Meta(pattern=r"^([A-Za-z0-9._-]+/)*[A-Za-z0-9._-]*$")] = ""
    region: NonEmpty | None = None
    endpoint: Annotated[NonEmpty, Meta(description="For stores other than AWS.")] | None = None
    access_key_id: SecretSource | None = None
    secret_access_key: SecretSource | None = None
    session_token: SecretSource | None = None
    timeout: Seconds = 30
    every: Annotated[
        int, Meta(ge=0, le=86_400, description="Seconds that a part of a batch waits to be more.")
    ] = 60
    plaintext: Annotated[bool, Meta(description="Use an endpoint of http:// all the same.")] = False

    def __post_init__(self) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("`access_key_id` and `secret_access_key` go together")
        if self.endpoint is not None:
            check_url(self.endpoint)
            check_plaintext(self.endpoint, self.plaintext)


SinkSection = StdoutSink | FileSink | ElasticsearchSink | OtlpSink | S3Sink


def check_url(url: str) -> None:
    """Raise ValueError unless it is an HTTP address without credentials in it. It is not quoted back."""
    parts = urlsplit(url)
    if parts.scheme not in _HTTP or not parts.hostname or parts.fragment:
        raise ValueError("expected an address that begins with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("an address holds no user and password: name them by `env` or `file`")


def check_plaintext(url: str, accepted: bool) -> None:
    """Raise ValueError for credentials that would cross a network in the clear."""
    parts = urlsplit(url)
    if parts.scheme == "http" and not accepted and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ValueError(
            "credentials over http:// to another host: use https://, or accept it by `plaintext: true`"
        )


def unique(sinks: list[SinkSection]) -> None:
    """Raise ValueError when two sinks have one name."""
    names = [sink.name for sink in sinks]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two sinks are called {name!r}")


__all__ = [
    "BaseSink",
    "ElasticsearchSink",
    "FileSink",
    "OtlpSink",
    "S3Sink",
    "SecretSource",
    "SinkSection",
    "StdoutSink",
    "unique",
]
