"""Documents in an Elasticsearch or OpenSearch index by the bulk API, with the log's index as `_id`.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk. `create` never overwrites: where a
document is there already, it is compared, so that a second log in one index is an error and not a loss.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from guarita.audit.events.secret import Secret
from guarita.audit.export.lines import is_object
from guarita.audit.sinks.http import Peer
from guarita.audit.sinks.interface import Batch, Sink, SinkRefusedError
from guarita.audit.stores.interface import Leaf

_TOO_LARGE: Final = 413
_CONFLICT: Final = 409
_BAD: Final = 400
_GOOD: Final = range(200, 300)
_NDJSON: Final = {"content-type": "application/x-ndjson"}
_JSON: Final = {"content-type": "application/json"}


class _Time(msgspec.Struct):
    time: int = 0


class _Error(msgspec.Struct):
    type: str = "unknown"


class _Result(msgspec.Struct):
    status: int
    id: str = msgspec.field(name="_id")
    error: _Error | None = None


class _Item(msgspec.Struct):
    create: _Result


class _Bulk(msgspec.Struct):
    items: list[_Item]


class _Place(msgspec.Struct):
    leaf_hash: str = ""
    log: str = ""


class _Source(msgspec.Struct):
    guarita: _Place | None = None


class _Document(msgspec.Struct):
    id: str = msgspec.field(name="_id")
    found: bool = False
    source: _Source | None = msgspec.field(name="_source", default=None)


class _Documents(msgspec.Struct):
    docs: list[_Document]


_time = msgspec.json.Decoder(_Time)
_bulk = msgspec.json.Decoder(_Bulk)
_documents = msgspec.json.Decoder(_Documents)


class ElasticsearchSink(Sink):
    """Creates one document an entry: `@timestamp`, its place in the log as `guarita`, the event as `ocsf`."""

    def __init__(self, peer: Peer, index: str) -> None:
        self._peer = peer
        self._index = index

    def send(self, batch: Batch) -> int:
        self._create(batch.origin, batch.leaves)
        return 0

    def close(self) -> None:
        self._peer.close()

    def _create(self, origin: str, leaves: Sequence[Leaf], *, opaque: bool = False) -> None:
        results = self._bulk(origin, leaves, opaque=opaque)
        if results is None:
            half = len(leaves) // 2
            self._create(origin, leaves[:half], opaque=opaque)
            self._create(origin, leaves[half:], opaque=opaque)
            return
        there, bad = [], []
        for leaf, result in zip(leaves, results, strict=True):
            if result.status == _CONFLICT:
                there.append(leaf)
            elif result.status == _BAD and not opaque:
                bad.append(leaf)
            elif result.status not in _GOOD:
                raise self._refused(leaf, result)
        if bad:
            # The index's mapping has no place for a field: the event is kept all the same, as one text.
            self._create(origin, bad, opaque=True)
        if there:
            self._compare(origin, there)

    def _bulk(self, origin: str, leaves: Sequence[Leaf], *, opaque: bool) -> list[_Result] | None:
        """What became of each entry; None when the request was too large for the server."""
        content = b"".join(self._lines(origin, leaf, opaque=opaque) for leaf in leaves)
        seen = frozenset({_TOO_LARGE}) if len(leaves) > 1 else frozenset()
        answer = self._peer.post(f"/{self._index}/_bulk", content, _NDJSON, seen=seen)
        if answer.status == _TOO_LARGE:
            return None
        try:
            results = [item.create for item in _bulk.decode(answer.body).items]
        except msgspec.DecodeError:
            raise self._peer.lied("no answer of the bulk API") from None
        if [result.id for result in results] != [str(leaf.index) for leaf in leaves]:
            raise self._peer.lied("the answer is not about what was sent")
        return results

    def _lines(self, origin: str, leaf: Leaf, *, opaque: bool) -> bytes:
        place = {"log": origin, "index": leaf.index, "leaf_hash": leaf.hash.hex()}
        head = msgspec.json.encode({"@timestamp": _timestamp(leaf.body), "guarita": place})
        if is_object(leaf.body) and not opaque:
            rest = b'"ocsf":' + leaf.body
        else:
            rest = b'"event":%s' % msgspec.json.encode({"original": _text(leaf.body)})
        return b'{"create":{"_id":"%d"}}\n%s,%s}\n' % (leaf.index, head[:-1], rest)

    def _compare(self, origin: str, leaves: Sequence[Leaf]) -> None:
        """Raise SinkRefusedError unless the documents that were there already are these entries."""
        content = msgspec.json.encode({"ids": [str(leaf.index) for leaf in leaves]})
        answer = self._peer.post(f"/{self._index}/_mget?_source_includes=guarita", content, _JSON)
        try:
            found = {one.id: one for one in _documents.decode(answer.body).docs}
        except msgspec.DecodeError:
            raise self._peer.lied("no answer of the multi-get API") from None
        for leaf in leaves:
            document = found.get(str(leaf.index))
            if document is None or not document.found:
                raise self._peer.lied(f"document {leaf.index} is said to be there, and is not")
            place = (document.source or _Source()).guarita or _Place()
            if (place.log, place.leaf_hash) != (origin, leaf.hash.hex()):
                raise SinkRefusedError(
                    "audit.sink-foreign",
                    f"the index {self._index} has a document {leaf.index} that is not entry {leaf.index} of this log",
                    hint="give each ledger an index of its own",
                )

    def _refused(self, leaf: Leaf, result: _Result) -> Exception:
        # The type alone: the reason may quote a value of the event.
        kind = result.error.type if result.error else "unknown"
        error = self._peer.error(result.status)
        error.args = (message := f"{error.message}, entry {leaf.index}: {kind}",)
        error.message = message
        return error


def credentials(
    username: str | None, password: Secret | None, api_key: Secret | None
) -> Mapping[str, Secret]:
    """The Authorization header: an API key, or Basic (RFC 7617), or none."""
    if api_key is not None:
        return {"authorization": Secret(f"ApiKey {api_key.reveal()}")}
    if username is not None and password is not None:
        pair = base64.b64encode(f"{username}:{password.reveal()}".encode()).decode()
        return {"authorization": Secret(f"Basic {pair}")}
    return {}


def _timestamp(body: bytes) -> str:
    try:
        moment = dt.datetime.fromtimestamp(_time.decode(body).time / 1000, dt.UTC)
    except (msgspec.DecodeError, OverflowError, ValueError, OSError):
        moment = dt.datetime.fromtimestamp(0, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(body: bytes) -> Any:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(body).decode()}"
