"""From a section of guarita.yaml to a sink. Each kind is imported when it is wanted, since some need an extra."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from guarita import config
from guarita.audit.events.secret import Secret
from guarita.audit.sinks import file, stdout
from guarita.audit.sinks.interface import Sink
from guarita.audit.sinks.secret import read_secret
from guarita.audit.sinks.shipper import Pace
from guarita.config.sinks import (
    ElasticsearchSink,
    FileSink,
    OtlpSink,
    S3Sink,
    SecretSource,
    SinkSection,
    StdoutSink,
)
from guarita.errors import MissingExtraError

EXTRA = "ledger-sinks"


def build(section: SinkSection, folder: Path) -> Sink:
    """The sink that a section describes; relative paths are in `folder`.

    Raises UsageError `audit.sink-secret` for a secret that is not there, MissingExtraError.
    """
    try:
        return _BUILDERS[type(section)](section, folder)
    except ModuleNotFoundError as error:
        if (error.name or "guarita").startswith("guarita"):
            raise
        raise MissingExtraError(EXTRA, error.name or "") from error


def pace(section: SinkSection, patience: float) -> Pace:
    """How its shipper waits; `patience` is in seconds."""
    return Pace(patience=patience, every=float(section.every) if isinstance(section, S3Sink) else 0.0)


def _stdout(_: SinkSection, __: Path) -> Sink:
    return stdout.StdoutSink()


def _file(section: FileSink, folder: Path) -> Sink:
    return file.FileSink(folder / section.path, max_bytes=section.max_bytes, max_age=section.max_age)


def _elasticsearch(section: ElasticsearchSink, folder: Path) -> Sink:
    from guarita.audit.sinks import elasticsearch, http  # noqa: PLC0415  # needs the extra

    def headers() -> Mapping[str, Secret]:
        return elasticsearch.credentials(
            section.username, _secret(section.password, folder), _secret(section.api_key, folder)
        )

    headers()  # a secret that is not there is said at once
    ca_file = folder / section.ca_file if section.ca_file else None
    peer = http.Peer(section.url, timeout=section.timeout, ca_file=ca_file, credentials=headers)
    return elasticsearch.ElasticsearchSink(peer, section.index)


def _otlp(section: OtlpSink, folder: Path) -> Sink:
    from guarita.audit.sinks import http, otlp  # noqa: PLC0415  # needs the extra

    def headers() -> Mapping[str, Secret]:
        return {name: read_secret(source, folder) for name, source in section.headers.items()}

    headers()
    ca_file = folder / section.ca_file if section.ca_file else None
    return otlp.OtlpSink(
        http.Peer(section.url, timeout=section.timeout, ca_file=ca_file, credentials=headers)
    )


def _s3(section: S3Sink, folder: Path) -> Sink:
    from guarita.audit.sinks import s3  # noqa: PLC0415  # needs the extra

    named = {
        "access_key_id": section.access_key_id,
        "secret_access_key": section.secret_access_key,
        "session_token": section.session_token,
    }

    def credentials() -> Mapping[str, Secret]:
        return {name: read_secret(source, folder) for name, source in named.items() if source}

    credentials()
    return s3.S3Sink(
        section.bucket,
        section.prefix,
        region=section.region,
        endpoint=section.endpoint,
        timeout=section.timeout,
        credentials=credentials,
    )


def _secret(source: SecretSource | None, folder: Path) -> Secret | None:
    return None if source is None else read_secret(source, folder)


_BUILDERS: dict[type, Callable[..., Sink]] = {
    StdoutSink: _stdout,
    FileSink: _file,
    ElasticsearchSink: _elasticsearch,
    OtlpSink: _otlp,
    S3Sink: _s3,
}


def sections(configuration: Path) -> list[SinkSection]:
    """The sinks that a configuration file names."""
    return config.load(configuration).ledger.sinks if configuration.exists() else []
