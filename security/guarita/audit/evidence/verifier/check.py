"""The proof: that the entries shown are those of the log, all of them, in order, under checkpoints that its key signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from . import merkle, notes
from .container import Container, Malformed
from .keys import Keys

Seen = Callable[[int, bytes], None]
"""Called with each entry's index and bytes, before the proof is complete: believe nothing until it is."""


class Refuted(Exception):  # noqa: N818  # read in the report as a word
    """The evidence contradicts itself, its signatures, or the keys that the reader knows."""


class Cosigned(NamedTuple):
    """A witness's word that it saw a checkpoint as the log's largest."""

    witness: str
    time: int
    """Seconds since the epoch, by the witness's clock."""


class Checkpoint(NamedTuple):
    """A checkpoint that holds."""

    head: notes.Head
    signed_by: list[str]
    cosigned: list[Cosigned]
    strangers: list[str]
    """Names under further signatures, by keys that the reader did not name."""


class Checked(NamedTuple):
    """What is proved of the entries from `start` up to `stop`."""

    origin: str
    start: int
    stop: int
    checkpoints: list[Checkpoint]
    keys: list[str]
    """The log's keys that were believed, the first ones first."""
    anchored: bool
    """Whether the reader named the first key, rather than the file."""


def check(container: Container, known: list[notes.Key], witnesses: list[notes.Key], seen: Seen) -> Checked:
    """Verify everything. Raises Refuted, or Malformed for a file that is not of this form."""
    manifest = container.manifest
    origin = _field(manifest, "origin", str)
    start, stop = _field(manifest, "start", int), _field(manifest, "stop", int)
    try:
        first = known or [notes.parse_key(_field(manifest, "first_key", str), notes.ED25519)]
        filed = [_filed(one) for one in _field(manifest, "checkpoints", list)]
        tree = merkle.Tree(start, _hashes(manifest, "peaks"))
    except ValueError as error:
        raise Malformed(str(error)) from None
    for key in first:
        if key.name != origin:
            raise Refuted(f"this is evidence of the log {origin}, and the key is of {key.name}")
    sizes = [head.size for _, head, _ in filed]
    if not sizes or sizes != sorted(set(sizes)) or not 0 <= start <= stop <= sizes[-1]:
        raise Refuted("the entries are not covered by the checkpoints")
    keys = Keys(origin, first)
    additions = _followed(manifest, keys)
    checkpoints = [_signed(note, head, keys, witnesses) for note, head, _ in filed]
    newest = filed[-1][1]
    for index, leaf, proof in additions:
        if not merkle.included(index, newest.size, leaf, proof, newest.root):
            raise Refuted(f"entry {index}, about a signing key, is not in the log")
    _rebuild(container, tree, stop, [(head, proof) for _, head, proof in filed], seen)
    return Checked(origin, start, stop, checkpoints, [key.vkey() for key in keys.keys], bool(known))


def _rebuild(
    container: Container,
    tree: merkle.Tree,
    stop: int,
    filed: list[tuple[notes.Head, list[bytes]]],
    seen: Seen,
) -> None:
    """Hash the entries into the tree, and compare it with every checkpoint on the way."""
    start = tree.size
    start_root = tree.root()
    inside = {head.size: head for head, _ in filed if start <= head.size <= stop}
    for head, proof in filed:
        if head.size < start and not merkle.continues(head.size, head.root, start, start_root, proof):
            raise Refuted(f"the range does not continue the checkpoint of {head.size} entries")
    _same_root(tree, inside)
    for entry in container.entries():
        if tree.size >= stop:
            raise Refuted(f"there are more entries than the {stop - start} that are declared")
        seen(tree.size, entry)
        tree.append(merkle.leaf_hash(entry))
        _same_root(tree, inside)
    if tree.size != stop:
        raise Refuted(f"entry {tree.size} is missing")
    for head, proof in filed:
        if head.size > stop and not merkle.continues(stop, tree.root(), head.size, head.root, proof):
            raise Refuted(
                f"an entry from {start} to {stop - 1} is not what the checkpoint of {head.size} entries has signed"
            )


def _same_root(tree: merkle.Tree, inside: dict[int, notes.Head]) -> None:
    head = inside.get(tree.size)
    if head is not None and head.root != tree.root():
        raise Refuted(
            f"an entry before {head.size} is not what the checkpoint of {head.size} entries has signed"
        )


def _signed(note: notes.Note, head: notes.Head, keys: Keys, witnesses: list[notes.Key]) -> Checkpoint:
    if head.origin != keys.origin:
        raise Refuted(f"a checkpoint is of another log, {head.origin}")
    try:
        signed = notes.signers(note, keys.in_force(head.size))
        cosigned = notes.signers(note, witnesses)
    except ValueError as error:
        raise Refuted(f"the checkpoint of {head.size} entries: {error}") from None
    if not signed:
        raise Refuted(
            f"the checkpoint of {head.size} entries is not signed by a key of the log that is known"
        )
    # One witness counts once, under however many names its key goes.
    cosigned = list({key.public: (key, made) for key, made in reversed(cosigned)}.values())[::-1]
    theirs = {(key.name, key.identifier()) for key, _ in (*signed, *cosigned)}
    return Checkpoint(
        head,
        [key.vkey() for key, _ in signed],
        [Cosigned(key.name, int.from_bytes(made[: notes.TIMESTAMP], "big")) for key, made in cosigned],
        [one.name for one in note.signatures if (one.name, one.identifier) not in theirs],
    )


def _followed(manifest: dict[str, Any], keys: Keys) -> list[tuple[int, bytes, list[bytes]]]:
    """Take in the changes of keys, in the order of the log; gives what is to be found in the tree."""
    found = []
    for one in _field(manifest, "key_entries", list):
        if not isinstance(one, dict):
            raise Malformed("an entry about a key is not an object")
        index, text = _field(one, "index", int), _field(one, "entry", str)
        entry = text.encode(errors="surrogatepass")
        found.append((index, merkle.leaf_hash(entry), _hashes(one, "proof"), entry))
    for index, _, _, entry in sorted(found):
        keys.follow(index, event_of(entry))
    return [(index, leaf, proof) for index, leaf, proof, _ in found]


def _filed(one: Any) -> tuple[notes.Note, notes.Head, list[bytes]]:
    if not isinstance(one, dict):
        raise Malformed("a checkpoint is not an object")
    note = notes.parse_note(_field(one, "note", str))
    return note, notes.parse_head(note.text), _hashes(one, "proof")


def _hashes(holder: dict[str, Any], name: str) -> list[bytes]:
    try:
        hashes = [notes.strict_base64(one) for one in _field(holder, name, list)]
    except (ValueError, AttributeError):
        hashes = [b""]
    if any(len(one) != merkle.HASH_SIZE for one in hashes):
        raise Malformed(f"{name!r} is not a list of hashes")
    return hashes


def _field(holder: dict[str, Any], name: str, kind: type) -> Any:
    found = holder.get(name)
    if type(found) is not kind:
        raise Malformed(f"{name!r} is not there, or not what it should be")
    return found


def event_of(entry: bytes) -> dict[str, Any]:
    """The event that an entry is; empty for one that is none."""
    try:
        found = json.loads(entry)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
