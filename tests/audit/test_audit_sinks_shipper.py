"""The shipper: batches bounded and side by side, in order, and never anything that does not verify."""

import os
import random
import sqlite3
import threading

import canaries
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.audit import LedgerCorruptError, Personal, events, open_ledger
from guarita.audit.export.file import export_lines
from guarita.audit.export.lines import FORMATS, json_line
from guarita.audit.sinks.cursor import Cursor, CursorFile, cursors
from guarita.audit.sinks.file import FileSink
from guarita.audit.sinks.interface import Batch, Sink, SinkUnavailableError
from guarita.audit.sinks.shipper import MAX_BYTES, Pace, Shipper
from guarita.audit.sinks.stdout import StdoutSink
from guarita.audit.stores.interface import Draft
from guarita.audit.tiles.export import export_tiles


class Kept(Sink):
    """Keeps what it is sent, and fails as often as it is told."""

    def __init__(self, failing=0.0, seed=0):
        self.batches, self.rng, self.failing = [], random.Random(seed), failing

    def send(self, batch):
        if self.rng.random() < self.failing:
            raise SinkUnavailableError("test", "down")
        self.batches.append([(leaf.index, len(leaf.body)) for leaf in batch.leaves])
        if self.rng.random() < self.failing:
            raise SinkUnavailableError("test", "the acknowledgement is lost")
        return 0


QUICK = Pace(first=0.0001, longest=0.0002, patience=60)


def opened(path, sizes):
    ledger = open_ledger(str(path / "l.db"), origin="example.com/log")
    ledger.store.append([Draft(b'{"x":"%s"}' % (b"x" * size)) for size in sizes])
    return ledger


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([0, 10, 60_000]), max_size=150),
    batch=st.integers(1, 90),
    failing=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 99),
)
def test_batches_are_bounded_and_side_by_side_whatever_fails(tmp_path_factory, sizes, batch, failing, seed):
    with opened(tmp_path_factory.mktemp("l"), sizes) as ledger:
        sink = Kept(failing, seed)
        Shipper(ledger, "x", sink, batch=batch, pace=QUICK).run()
        distinct = []
        for one in sink.batches:
            assert len(one) <= batch
            assert sum(size for _, size in one) <= MAX_BYTES
            # One that comes again is the very same one.
            if not distinct or one != distinct[-1]:
                distinct.append(one)
        assert [index for one in distinct for index, _ in one] == list(range(len(sizes)))
        assert failing or len(distinct) == len(sink.batches)


def test_a_part_of_a_batch_waits_for_others_where_that_is_wanted(tmp_path):
    with opened(tmp_path, [1] * 30) as ledger:
        sink, stop = Kept(), threading.Event()
        shipper = Shipper(ledger, "x", sink, batch=40, pace=Pace(every=3600), stop=stop)
        thread = threading.Thread(target=lambda: shipper.run(follow=True))
        thread.start()
        try:
            for _ in range(15):
                ledger.store.append([Draft(b"{}")])
                stop.wait(0.05)
            while not sink.batches:
                stop.wait(0.01)
        finally:
            stop.set()
            thread.join()
        assert [len(one) for one in sink.batches] == [40]
        # Without --follow nothing waits.
        Shipper(ledger, "x", sink, batch=40, pace=Pace(every=3600)).run()
        assert [len(one) for one in sink.batches] == [40, 5]


def test_a_reader_of_stdout_that_slept_gets_whole_lines(tmp_path):
    with opened(tmp_path, [1000] * 300) as ledger:
        reading, writing = os.pipe()
        sink = StdoutSink(writing, timeout=0.05)
        shipper = Shipper(ledger, "x", sink, batch=100, pace=Pace(patience=0))
        with pytest.raises(SinkUnavailableError, match="nobody reads"):
            shipper.run()
        text = []
        reader = threading.Thread(target=lambda: text.append(os.fdopen(reading, "rb").read()))
        reader.start()
        Shipper(ledger, "x", sink, batch=100, pace=QUICK).run()
        os.close(writing)
        reader.join()
        assert text[0] == b"".join(json_line(leaf) for leaf in ledger.entries())
        with pytest.raises(SinkUnavailableError, match="stdout: "):
            StdoutSink(writing).send(Batch("x", list(ledger.entries(0, 1))))


def test_what_does_not_verify_is_not_shipped(tmp_path):
    with opened(tmp_path, [10] * 100) as ledger:
        with sqlite3.connect(tmp_path / "l.db") as connection:
            connection.execute("""UPDATE body SET bytes = '{"x":"forged"}' WHERE idx = 57""")
        sink = Kept()
        with pytest.raises(LedgerCorruptError) as caught:
            Shipper(ledger, "x", sink, batch=10, pace=QUICK).run()
        assert caught.value.index == 57
        assert [index for one in sink.batches for index, _ in one] == list(range(50))


def test_a_cursor_is_saved_only_over_what_was_read(tmp_path):
    with opened(tmp_path, [10] * 10) as ledger:
        first, second = CursorFile(ledger.store, "x"), CursorFile(ledger.store, "x")
        first.load()
        second.load()
        assert first.save(Cursor(until=5))
        assert not second.save(Cursor(until=7))
        assert cursors(ledger.store)["x"].until == 5


def test_no_personal_value_leaves_with_a_copy(tmp_path):
    value = "kanarienvogel-529.982.247-25"
    with open_ledger(str(tmp_path / "l.db"), origin="example.com/log") as ledger:
        for n in range(300):
            ledger.append(
                events.api_activity(time=n, operation="x", actor=Personal("subject-kanarienvogel", value))
            )
        note = ledger.checkpoint().note
        out = tmp_path / "out"
        export_tiles(ledger, out / "tiles", size=300, note=note)
        for name, form in FORMATS.items():
            export_lines(ledger, out / name, form, size=300)
        Shipper(ledger, "x", FileSink(out / "sink", max_bytes=10**9)).run()
        state = str(ledger.store.state("")).encode()
    written = {**canaries.files(out), "state": state}
    assert len(written) > 4
    for text in (value, "subject-kanarienvogel"):
        assert canaries.seen(text, written) == []
