"""One entry as one line: our own JSON line, and an OCSF event."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from guarita.audit.errors import LedgerError
from guarita.audit.stores.interface import Leaf


@dataclass(frozen=True)
class Format:
    """A kind of line: how to write one, and how to read its index back."""

    render: Callable[[Leaf, str], bytes]
    """An entry and the log's origin to a line, newline included."""
    index: Callable[[bytes], int | None]
    """The entry's index, or None for bytes that are no such line."""


class _JsonLine(msgspec.Struct):
    index: int


class _Metadata(msgspec.Struct):
    sequence: int


class _OcsfLine(msgspec.Struct):
    metadata: _Metadata


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_event = msgspec.json.Decoder(dict[str, Any])
_json_line = msgspec.json.Decoder(_JsonLine)
_ocsf_line = msgspec.json.Decoder(_OcsfLine)


def json_line(leaf: Leaf, origin: str = "") -> bytes:  # noqa: ARG001  # one signature for all lines
    """`{"index":…,"leaf_hash":…,"event":…}`: the event stands there byte for byte, so its hash can be checked.

    Bytes that are not a JSON object on one line stand as `base64` beside an `event` of null.
    """
    return b'{"index":%d,"leaf_hash":"%s",%s}\n' % (leaf.index, leaf.hash.hex().encode(), _body(leaf.body))


def _body(body: bytes) -> bytes:
    if is_object(body):
        return b'"event":' + body
    return b'"event":null,"base64":"%s"' % base64.b64encode(body)


def is_object(body: bytes) -> bool:
    """Whether these bytes are a JSON object on one line, as everything that `Ledger.append` writes."""
    try:
        _object.decode(body)
    except msgspec.DecodeError:
        return False
    return b"\n" not in body and b"\r" not in body


def ocsf_event(leaf: Leaf, origin: str) -> dict[str, Any]:
    """The event with its place in the log: `metadata.sequence` is the index, `metadata.log_name` the origin.

    Raises LedgerError `audit.not-ocsf` for an entry that is no event.
    """
    try:
        event = _event.decode(leaf.body)
        metadata = event["metadata"]
        metadata["sequence"], metadata["log_name"] = leaf.index, origin
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise LedgerError(
            "audit.not-ocsf",
            f"entry {leaf.index} is not an OCSF event",
            hint="export it as jsonl or tiles, which take any bytes",
        ) from error
    return event


def ocsf_line(leaf: Leaf, origin: str) -> bytes:
    """An OCSF event on a line of its own."""
    return msgspec.json.encode(ocsf_event(leaf, origin)) + b"\n"


def _index_of_json(line: bytes) -> int | None:
    try:
        return _json_line.decode(line).index
    except msgspec.DecodeError:
        return None


def _index_of_ocsf(line: bytes) -> int | None:
    try:
        return _ocsf_line.decode(line).metadata.sequence
    except msgspec.DecodeError:
        return None


FORMATS: Final[dict[str, Format]] = {
    "jsonl": Format(json_line, _index_of_json),
    "ocsf": Format(ocsf_line, _index_of_ocsf),
}
