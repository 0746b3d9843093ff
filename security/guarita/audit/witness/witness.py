"""What a witness answers: the checks of `add-checkpoint` in the order in which the specification states them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import NamedTuple

from guarita.audit.errors import ProofError
from guarita.audit.merkle.proofs import verify_consistency
from guarita.audit.merkle.tree import EMPTY_ROOT
from guarita.audit.notes.checkpoint import TreeHead, open_checkpoint, read_checkpoint
from guarita.audit.notes.cosignature import CosigningKey, WitnessKey
from guarita.audit.notes.ed25519 import SigningKey, VerifyingKey
from guarita.audit.notes.note import signature_line
from guarita.audit.witness.protocol import SIZE_TYPE, Request, parse_request
from guarita.audit.witness.state import Seen, State

Clock = Callable[[], float]
TEXT = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """An HTTP answer."""

    status: HTTPStatus
    body: str
    content_type: str = TEXT
    conflicts: bool = False
    """Whether the checkpoint was signed by the log, and is not shown to continue what the log signed before."""


class Witness:
    """A witness of some logs. Safe to use from several threads; several processes may share its state."""

    def __init__(
        self, key: SigningKey, logs: Iterable[VerifyingKey], state: State, clock: Clock = time.time
    ) -> None:
        """`logs` are the logs' public keys; those of one name are of one log."""
        self._key = key
        self._state = state
        self._clock = clock
        self._logs: dict[str, list[VerifyingKey]] = {}
        for log in logs:
            self._logs.setdefault(log.name, []).append(log)

    @property
    def public(self) -> WitnessKey:
        """The witness's public key."""
        return CosigningKey(self._key).public

    def add_checkpoint(self, body: bytes) -> Answer:
        """Check a checkpoint, remember it durably, and cosign it. Raises LedgerUnavailableError: nothing was signed."""
        try:
            request = parse_request(body)
            origin = read_checkpoint(request.checkpoint).origin
        except (ValueError, ProofError) as error:
            return Answer(HTTPStatus.BAD_REQUEST, f"{error}\n")
        keys = self._logs.get(origin)
        if keys is None:
            return Answer(HTTPStatus.NOT_FOUND, "this witness does not know that log\n")
        try:
            head, _ = open_checkpoint(request.checkpoint, keys, origin=origin)
        except ProofError:
            return Answer(HTTPStatus.FORBIDDEN, "no trusted key of that log has signed\n")
        if request.old > head.size:
            return Answer(HTTPStatus.BAD_REQUEST, "the old size is larger than the checkpoint's\n")
        with self._state.transaction() as state:
            seen = state.latest(origin) or Seen(0, EMPTY_ROOT, "", 0)
            refused = self._checked(request, head, seen)
            if refused is None:
                # Times never go back, and a smaller tree is never signed after a larger one: both in one turn.
                at = max(int(self._clock()), seen.time)
                line = signature_line(CosigningKey(self._key, lambda: at), head.text())
                state.remember(origin, Seen(head.size, head.root, request.checkpoint.decode(), at))
            elif refused.conflicts:
                state.note_conflict(origin, request.checkpoint.decode())
        # Given away only now, when the state is on disk: a cosignature is a promise to remember.
        return refused or Answer(HTTPStatus.OK, line)

    @staticmethod
    def _checked(request: Request, head: TreeHead, seen: Seen) -> Answer | None:
        if request.old != seen.size:
            return Answer(HTTPStatus.CONFLICT, f"{seen.size}\n", SIZE_TYPE)
        if head.size == seen.size and head.root != seen.root:
            return Answer(HTTPStatus.CONFLICT, "another root was cosigned at this size\n", conflicts=True)
        if head.size == seen.size or not seen.size:
            # Between equal trees, and from the empty one, there is nothing to prove.
            return _UNPROVED if request.proof else None
        try:
            verify_consistency(seen.size, head.size, seen.root, head.root, request.proof)
        except ProofError:
            return _UNPROVED._replace(conflicts=True)
        return None


_UNPROVED = Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "the consistency proof does not hold\n")
