"""Log records to an OpenTelemetry collector: OTLP/HTTP in its JSON encoding.

https://opentelemetry.io/docs/specs/otlp/: 64-bit integers are decimal strings, enums are numbers, keys lowerCamelCase.
"""

from __future__ import annotations

import gzip
from typing import Any, Final

import msgspec

from guarita.audit.sinks.http import Peer
from guarita.audit.sinks.interface import Batch, Sink
from guarita.audit.stores.interface import Leaf

_HEADERS: Final = {"content-type": "application/json", "content-encoding": "gzip"}
# OCSF severity_id to SeverityNumber, https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber.
_SEVERITY: Final = {1: 9, 2: 10, 3: 13, 4: 17, 5: 18, 6: 21}
_NAMES: Final = {1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical", 6: "Fatal"}


class _Seen(msgspec.Struct):
    time: int = 0
    severity_id: int = 0
    class_uid: int = 0


class _Partial(msgspec.Struct, rename="camel"):
    rejected_log_records: int | str = 0


class _Answer(msgspec.Struct, rename="camel"):
    partial_success: _Partial | None = None


_seen = msgspec.json.Decoder(_Seen)
_answer = msgspec.json.Decoder(_Answer)


class OtlpSink(Sink):
    """One log record an entry: the event's JSON is the body, `log.record.uid` is what duplicates are known by."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def send(self, batch: Batch) -> int:
        request = {
            "resourceLogs": [
                {
                    "resource": {"attributes": [_attribute("service.name", "guarita")]},
                    "scopeLogs": [
                        {
                            "scope": {"name": "guarita.audit"},
                            "logRecords": [_record(batch.origin, leaf) for leaf in batch.leaves],
                        }
                    ],
                }
            ]
        }
        content = gzip.compress(msgspec.json.encode(request), compresslevel=1, mtime=0)
        answer = self._peer.post("", content, _HEADERS)
        try:
            partial = _answer.decode(answer.body or b"{}").partial_success
            rejected = int(partial.rejected_log_records) if partial else 0
        except (msgspec.DecodeError, ValueError):
            raise self._peer.lied("no answer of OTLP") from None
        if not 0 <= rejected <= len(batch.leaves):
            raise self._peer.lied("more records rejected than were sent")
        # The protocol forbids to send them again, and does not say which they were.
        return rejected

    def close(self) -> None:
        self._peer.close()


def _record(origin: str, leaf: Leaf) -> dict[str, Any]:
    try:
        seen = _seen.decode(leaf.body)
    except msgspec.DecodeError:
        seen = _Seen()
    nanoseconds = str(max(seen.time, 0) * 1_000_000)
    return {
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": nanoseconds,
        "severityNumber": _SEVERITY.get(seen.severity_id, 0),
        "severityText": _NAMES.get(seen.severity_id, "Unknown"),
        "body": {"stringValue": leaf.body.decode(errors="replace")},
        "attributes": [
            _attribute("log.record.uid", f"{origin}/{leaf.index}"),
            _attribute("guarita.log", origin),
            {"key": "guarita.index", "value": {"intValue": str(leaf.index)}},
            _attribute("guarita.leaf_hash", leaf.hash.hex()),
            {"key": "ocsf.class_uid", "value": {"intValue": str(seen.class_uid)}},
        ],
    }


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}
