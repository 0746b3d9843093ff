"""Making evidence: which entries a period is, the proofs over them, and a last look by the verifier itself."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import BinaryIO, NamedTuple

import msgspec

from guarita.audit.errors import LedgerCorruptError, LedgerError, ProofError
from guarita.audit.evidence.pack import pack
from guarita.audit.evidence.verifier import main as verifier
from guarita.audit.evidence.verifier import notes
from guarita.audit.evidence.verifier.check import Refuted
from guarita.audit.evidence.verifier.container import FORMAT, Malformed
from guarita.audit.evidence.verifier.report import Report
from guarita.audit.keys.chain import change_uid
from guarita.audit.ledger import Ledger
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.proofs import consistency_proof, inclusion_proof
from guarita.audit.notes.note import parse_note
from guarita.audit.stores.interface import Checkpoint

Progress = Callable[[int, int], None]


class Made(NamedTuple):
    """An evidence file that was written, and what the verifier says of it."""

    sha256: str
    report: Report


class _Dated(msgspec.Struct):
    time: int | None = None


_dated = msgspec.json.Decoder(_Dated)


def make(
    ledger: Ledger,
    out: BinaryIO,
    *,
    since: int | None,
    until: int | None,
    witnesses: Sequence[str] = (),
    quorum: int = 0,
    progress: Progress = lambda *_: None,
) -> Made:
    """Write the evidence of a period; `since` and `until` in ms since the epoch, None is open.

    `witnesses` are the vkeys of those that the report is to count, `quorum` how many must agree. The file is
    verified before anything is written. Raises LedgerError `audit.nothing-signed` for a log without a
    checkpoint, LedgerCorruptError or ProofError for one that does not hold.
    """
    checkpoints = [one for one in ledger.store.checkpoints() if one.size]
    chain = ledger.signing.chain()
    if not checkpoints or chain is None:
        raise LedgerError(
            "audit.nothing-signed",
            "the log has no checkpoint yet, so there is nothing to prove anything with",
            hint="guarita audit checkpoint",
        )
    start, stop = period(ledger, checkpoints[-1].size, since=since, until=until, progress=progress)
    manifest = {
        "format": FORMAT,
        "made_by": f"guarita {version('guarita')}",
        "made": time.time_ns() // 1_000_000,
        "origin": ledger.origin,
        "first_key": chain.keys[0].vkey,
        "from": since,
        "to": until,
        "start": start,
        "stop": stop,
        "archived": ledger.archived,
        "log_size": ledger.size,
        **_proofs(ledger, checkpoints, start, stop),
    }
    whole = io.BytesIO()
    sha256 = pack(whole, manifest, _bodies(ledger, start, stop, progress))
    try:
        first = notes.parse_key(chain.keys[0].vkey, notes.ED25519)
        others = [notes.parse_key(one, notes.COSIGNATURE_V1) for one in witnesses]
        report = verifier.verify(whole.getvalue(), [first], others, quorum)
    except (Malformed, Refuted, ValueError) as error:
        raise ProofError("audit.evidence", f"the log does not prove itself: {error}") from error
    out.write(whole.getvalue())
    return Made(sha256, report)


def period(
    ledger: Ledger, signed: int, *, since: int | None, until: int | None, progress: Progress = lambda *_: None
) -> tuple[int, int]:
    """The entries from the first to the last of a period, and one on either side of them to show where it ends."""
    begin = min(ledger.archived, signed)
    first = last = None
    for leaf in ledger.entries(begin, signed):
        progress(leaf.index, 2 * signed)
        at = _time(leaf.body)
        if at is None or ((since is None or at >= since) and (until is None or at < until)):
            first = leaf.index if first is None else first
            last = leaf.index
    if first is None or last is None:
        # An empty period is shown by what is at its edges.
        first, last = _edge(ledger, begin, signed, since), -1
        last = first - 1
    return max(begin, first - 1), min(signed, last + 2)


def _edge(ledger: Ledger, begin: int, signed: int, since: int | None) -> int:
    for leaf in ledger.entries(begin, signed):
        at = _time(leaf.body)
        if since is not None and at is not None and at >= since:
            return leaf.index
    return signed


def _bodies(ledger: Ledger, start: int, stop: int, progress: Progress) -> Iterator[bytes]:
    for leaf in ledger.entries(start, stop):
        progress(stop + leaf.index, 2 * stop)
        yield leaf.body


def _proofs(ledger: Ledger, checkpoints: list[Checkpoint], start: int, stop: int) -> dict[str, object]:
    nodes = Nodes(ledger.store.hashes)
    newest = checkpoints[-1].size

    def proof(size: int) -> list[str]:
        if size < start:
            return _encoded(consistency_proof(nodes, size, start))
        return _encoded(consistency_proof(nodes, stop, size)) if 0 < stop < size else []

    return {
        "peaks": _encoded(nodes.peaks(start)),
        "checkpoints": [
            {"note": one.note, "proof": proof(one.size)} for one in _chosen(checkpoints, start, stop)
        ],
        "key_entries": [
            {"index": index, "entry": body, "proof": _encoded(inclusion_proof(nodes, index, newest))}
            for index, body in _key_entries(ledger)
            if index < newest
        ],
    }


def _chosen(checkpoints: list[Checkpoint], start: int, stop: int) -> list[Checkpoint]:
    """Those in the range; before it and after it the nearest, and the nearest that others have signed; the newest."""
    before = [one for one in checkpoints if one.size <= start]
    after = [one for one in checkpoints if one.size >= stop]
    chosen = [one for one in checkpoints if start < one.size < stop]
    chosen += before[-1:] + after[:1] + checkpoints[-1:]
    most = max((_signatures(one) for one in checkpoints), default=0)
    chosen += [one for one in before if _signatures(one) == most][-1:]
    chosen += [one for one in after if _signatures(one) == most][:1]
    return sorted({one.size: one for one in chosen}.values())


def _signatures(checkpoint: Checkpoint) -> int:
    try:
        return len(parse_note(checkpoint.note).signatures)
    except ProofError as error:
        raise LedgerCorruptError(
            error.code, f"the checkpoint filed at size {checkpoint.size}: {error.message}"
        ) from error


def _key_entries(ledger: Ledger) -> list[tuple[int, str]]:
    chain = ledger.signing.chain()
    uids = [change_uid(change, key) for key in (chain.keys if chain else []) for change in ("add", "retire")]
    found = ledger.store.find(uids).values()
    return sorted((leaf.index, leaf.body.decode()) for leaf in found)


def _encoded(hashes: list[bytes]) -> list[str]:
    return [base64.b64encode(one).decode() for one in hashes]


def _time(body: bytes) -> int | None:
    try:
        return _dated.decode(body).time
    except msgspec.DecodeError:
        return None
