"""A ledger against a naive model, step by step: a plain list, and RFC 6962's recursive definition of its root."""

import contextlib
import hashlib
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from guarita.audit import events, open_ledger
from guarita.audit.notes.checkpoint import read_checkpoint
from guarita.audit.prove import check_proof


def root(entries):
    """MTH of RFC 6962 section 2.1, word for word."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    cut = 1
    while cut * 2 < len(entries):
        cut *= 2
    return hashlib.sha256(b"\x01" + root(entries[:cut]) + root(entries[cut:])).digest()


class Model(RuleBasedStateMachine):
    """What a caller may do in any order; after each step both must say the same."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.url = str(Path(self.folder.name) / "l.db")
        self.ledger = open_ledger(self.url)
        self.entries = []
        self.keys = {}
        self.signed = {}
        self.calls = 0

    def event(self):
        self.calls += 1
        return events.api_activity(time=self.calls, operation=f"call {self.calls}", actor="a")

    def wrote(self, answers):
        """Take over what the ledger wrote, after seeing that it stands where it said."""
        new = [answer.index for answer in answers if not answer.duplicate]
        assert new == list(range(len(self.entries), len(self.entries) + len(new)))
        self.entries += [leaf.body for leaf in self.ledger.entries(len(self.entries))]
        assert len(self.entries) == (new[-1] + 1 if new else len(self.entries))

    @rule()
    def append(self):
        self.wrote([self.ledger.append(self.event())])

    @rule(count=st.integers(0, 300))
    def append_many(self, count):
        self.wrote(self.ledger.append_all(self.event() for _ in range(count)))

    @rule(key=st.sampled_from("abc"))
    def append_with_a_key(self, key):
        answer = self.ledger.append(self.event(), idempotency_key=key)
        assert answer.duplicate is (key in self.keys)
        assert self.keys.setdefault(key, answer.index) == answer.index
        self.wrote([answer])

    @rule()
    def sign(self):
        made = self.ledger.checkpoint()
        assert made.root == root(self.entries)
        self.signed[made.size] = made

    @rule()
    def rotate_the_key(self):
        self.ledger.rotate_key()
        self.entries += [leaf.body for leaf in self.ledger.entries(len(self.entries))]

    @rule()
    def retire_old_keys(self):
        self.ledger.retire_keys()
        self.entries += [leaf.body for leaf in self.ledger.entries(len(self.entries))]

    @rule()
    def reopen(self):
        self.ledger.close()
        self.ledger = open_ledger(self.url)

    @precondition(lambda self: self.signed)
    @rule(data=st.data())
    def verify_since(self, data):
        since = data.draw(st.sampled_from(sorted(self.signed)))
        with contextlib.ExitStack() as stack:
            reader = stack.enter_context(open_ledger(self.url, read_only=True))
            verified = reader.verify()
            assert (verified.size, verified.root) == (len(self.entries), root(self.entries).hex())
            if self.ledger.signing.chain().in_force(since):
                assert reader.verify(since=self.signed[since].note).checked_from == since

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def prove(self, data):
        made = self.ledger.checkpoint()
        index = data.draw(st.integers(0, len(self.entries) - 1))
        shown = check_proof(self.ledger.prove(index).encode(), made.signed_by[:1])
        assert (shown.index, shown.size) == (index, len(self.entries))

    @invariant()
    def both_say_the_same(self):
        assert (self.ledger.size, self.ledger.root) == (len(self.entries), root(self.entries))
        latest = self.ledger.store.latest_checkpoint()
        if latest is not None:
            head = read_checkpoint(latest.note)
            assert head.root == root(self.entries[: head.size])

    def teardown(self):
        self.ledger.close()
        with open_ledger(self.url, read_only=True) as reader:
            assert reader.verify().signed == len(self.entries)
        self.folder.cleanup()


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
