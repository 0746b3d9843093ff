"""Shipping, archiving and reading back on every kind of store, and past a server that goes away."""

import threading

import pytest
import servers
import tlogtiles

from guarita.audit import LedgerError, events, open_ledger
from guarita.audit.export.file import export_lines
from guarita.audit.export.lines import FORMATS, json_line
from guarita.audit.retention.archive import RetentionError, archive_before, verify_archive
from guarita.audit.sinks.cursor import Cursor, cursors
from guarita.audit.sinks.file import FileSink
from guarita.audit.sinks.shipper import Pace, Shipper
from guarita.audit.tiles.directory import TileDirectory

COUNT = 1300


def test_ship_archive_and_read_back(place, tmp_path):
    with place.open(origin="example.com/log") as ledger:
        ledger.append_all(
            events.api_activity(time=n, operation=f"o{n}", actor="a", uid=f"u{n}") for n in range(COUNT)
        )
        before = [leaf.body for leaf in ledger.entries()]
        with pytest.raises(RetentionError, match="has entries up to 0 only"):
            archive_before(ledger, tmp_path / "old", before=700, sinks={"x": Cursor()})
        Shipper(ledger, "x", FileSink(tmp_path / "x.jsonl", max_bytes=10**9), batch=77).run()
        done = archive_before(ledger, tmp_path / "old", before=700, sinks=cursors(ledger.store))
        assert (done.start, done.stop, done.size, done.entry) == (0, 512, COUNT, COUNT)
        assert ledger.archived == ledger.verify().archived == 512
        with pytest.raises(LedgerError, match="are archived"):
            list(ledger.entries())
        again = archive_before(ledger, tmp_path / "old", before=700, sinks={})
        assert (again.start, again.stop, again.entry) == (512, 512, None)
    with place.open(archive=tmp_path / "old", read_only=True) as ledger:
        assert [leaf.body for leaf in ledger.entries(0, COUNT)] == before
        assert [leaf.index for leaf in ledger.entries(500, 520)] == list(range(500, 520))
        assert ledger.verify().archived == 0
        assert verify_archive(ledger, TileDirectory(tmp_path / "old")).size == COUNT
        export_lines(ledger, tmp_path / "all.jsonl", FORMATS["jsonl"], size=COUNT)
    assert (tmp_path / "all.jsonl").read_bytes() == (tmp_path / "x.jsonl").read_bytes()
    assert tlogtiles.read(tmp_path / "old", COUNT)[0] == before


@pytest.mark.servers
def test_shipping_goes_on_when_the_ledgers_server_was_gone(tmp_path):
    with servers.postgres() as server:
        place = {"url": server.url(schema="audit"), "key": str(tmp_path / "l.key")}
        with open_ledger(**place, origin="example.com/log") as ledger:
            ledger.append_all(events.api_activity(time=n, operation=f"o{n}", actor="a") for n in range(100))
            sink, stop = FileSink(tmp_path / "x.jsonl", max_bytes=10**9), threading.Event()
            pace = Pace(first=0.01, longest=0.05)
            shipper = Shipper(ledger, "x", sink, batch=10, pace=pace, stop=stop)
            thread = threading.Thread(target=lambda: shipper.run(follow=True))
            thread.start()
            try:
                while shipper.sent < 100:
                    stop.wait(0.01)
                server.stop()
                stop.wait(1)
                server.start()
                with open_ledger(**place) as other:
                    other.append_all(
                        events.api_activity(time=n, operation=f"o{n}", actor="a") for n in range(100, 150)
                    )
                while shipper.sent < 150:
                    assert thread.is_alive()
                    stop.wait(0.01)
            finally:
                stop.set()
                thread.join()
            lines = (tmp_path / "x.jsonl").read_bytes()
            assert lines == b"".join(json_line(leaf) for leaf in ledger.entries())
