"""Heartbeats: written by real threads and processes, dense through every fault, and every gap found."""

import itertools
import json
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.audit import LedgerUnavailableError, open_ledger
from guarita.audit.evidence.verifier.gaps import Beat, beat_of, judge, uncovered
from guarita.audit.heartbeat import Heartbeat

PERIOD = 1000
KINDS = ("start", "beat", "stop")


def beats_of(ledger):
    return [beat for leaf in ledger.entries() if (beat := beat_of(leaf.index, json.loads(leaf.body)))]


def life(length, *, boot="b", start=0, stopped=True, first=0):
    """An undisturbed life of `length` beats."""
    kinds = ["start", *["beat"] * (length - 1)]
    if stopped:
        kinds[-1] = "stop"
    return [
        Beat(first + at, start + at * PERIOD, "w", boot, at, PERIOD, kind) for at, kind in enumerate(kinds)
    ]


def kinds(beats, *, from_start=True, until=None):
    last = max(beat.time for beat in beats)
    return [
        gap.kind for gap in judge(beats, from_start=from_start, until=last if until is None else until).gaps
    ]


def test_a_writers_life_is_on_the_record_from_start_to_stop(tmp_path):
    with open_ledger(str(tmp_path / "l.db")) as ledger:
        enough = threading.Event()

        def append(event):
            done = ledger.append(event)
            if done.index >= 5:
                enough.set()
            return done

        with Heartbeat(append, period=0.01, writer="gateway") as heart:
            enough.wait(30)
        beats = beats_of(ledger)
        assert [beat.counter for beat in beats] == list(range(len(beats)))
        assert {beat.boot for beat in beats} == {heart.boot}
        assert (beats[0].kind, beats[-1].kind) == ("start", "stop")
        assert {beat.kind for beat in beats[1:-1]} == {"beat"}
        assert not {"missing", "no-stop", "twice", "begins-before"} & set(kinds(beats))
        (only,) = judge(beats, from_start=True, until=2**50).lives
        assert only.stopped


def test_a_killed_writer_ends_without_a_stop_and_its_next_start_is_another_life(tmp_path):
    url = str(tmp_path / "l.db")
    child = textwrap.dedent("""
        import sys, time
        from guarita.audit import open_ledger
        with open_ledger(sys.argv[1]) as ledger, ledger.heartbeats(0.01, writer="gateway"):
            print("up", flush=True)
            sys.stdin.read()
    """)
    for end in (signal.SIGKILL, None):
        with subprocess.Popen(
            [sys.executable, "-c", child, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as one:
            assert one.stdout.readline() == b"up\n"
            if end:
                one.send_signal(end)
            one.stdin.close()
            one.wait()
    with open_ledger(url) as ledger:
        assert ledger.verify().size == ledger.size
        beats = beats_of(ledger)
    found = judge(beats, from_start=True, until=beats[-1].time + 10**6)
    assert [one.stopped for one in found.lives] == [False, True]
    assert [gap.kind for gap in found.gaps if gap.kind != "silent"] == ["no-stop"]


def test_a_recorder_that_was_down_leaves_a_silence_and_no_missing_number(tmp_path):
    path = tmp_path / "l.db"
    # Each look at the clock, by an attempt to write, finds it one period on.
    now = itertools.count(0, 20)
    with open_ledger(str(path)) as ledger:
        refused, back = threading.Semaphore(0), threading.Semaphore(0)

        def append(event):
            try:
                done = ledger.append(event)
            except LedgerUnavailableError:
                refused.release()
                raise
            back.release()
            return done

        with Heartbeat(append, period=0.02, writer="w", clock=lambda: next(now) / 1000):
            path.rename(tmp_path / "away")
            for _ in range(40):
                assert refused.acquire(timeout=30)
            (tmp_path / "away").rename(path)
            for _ in range(3):
                assert back.acquire(timeout=30)
        beats = beats_of(ledger)
    assert [beat.counter for beat in beats] == list(range(len(beats)))
    gaps = judge(beats, from_start=True, until=beats[-1].time).gaps
    (silence,) = gaps
    assert silence.kind == "silent"
    assert silence.until - silence.since >= 39 * 20


def test_a_writer_that_cannot_write_its_start_has_begun_nothing(tmp_path):
    path = tmp_path / "l.db"
    with open_ledger(str(path)) as ledger:
        path.unlink()
        heart = ledger.heartbeats(1, writer="w")
        with pytest.raises(LedgerUnavailableError):
            heart.start()
        heart.stop()
    with pytest.raises(ValueError, match="positive"):
        ledger.heartbeats(0)


@given(st.integers(2, 30), st.booleans())
def test_an_undisturbed_life_has_no_gap(length, stopped):
    beats = life(length, stopped=stopped)
    assert kinds(beats) == []
    assert kinds(beats, until=beats[-1].time + PERIOD) == []
    assert kinds(beats, until=beats[-1].time + 2 * PERIOD) == ([] if stopped else ["no-stop"])


@given(st.integers(3, 30), st.data())
def test_any_beat_taken_away_is_missed(length, data):
    beats = life(length)
    first = data.draw(st.integers(0, length - 1))
    last = data.draw(st.integers(first, length - 1))
    left = beats[:first] + beats[last + 1 :]
    if not left:
        return
    found = kinds(left, until=beats[-1].time + 2 * PERIOD)
    expected = "no-stop" if last == length - 1 else "missing"
    assert found == [expected]


@given(st.integers(3, 30), st.data())
def test_times_and_orders_that_cannot_be_are_named(length, data):
    beats = life(length)
    at = data.draw(st.integers(1, length - 1))
    late = [one._replace(time=one.time + 5 * PERIOD) if one.counter >= at else one for one in beats]
    assert kinds(late) == ["silent"]
    back = [one._replace(time=one.time - 5 * PERIOD) if one.counter >= at else one for one in beats]
    assert kinds(back) == ["clock"]
    again = [*beats, beats[at]._replace(entry=length)]
    assert "twice" in kinds(again)


def test_a_range_that_begins_later_says_so():
    tail = life(9)[4:]
    assert kinds(tail, from_start=False) == ["begins-before"]
    assert kinds(tail, from_start=True) == ["missing"]


def test_uncovered_times_are_those_in_which_nobody_was_there():
    one = life(5, boot="a", start=1_000)
    two = life(4, boot="b", start=8_000, stopped=False, first=10)
    found = judge([*one, *two], from_start=True, until=20_000)
    assert uncovered(found.lives, found.gaps, 0, 20_000) == [(0, 1_000), (5_000, 8_000), (12_000, 20_000)]
    assert uncovered([], [], 3, 9) == [(3, 9)]
    assert uncovered(found.lives, found.gaps, 2_000, 4_000) == []
    both = judge(
        [*life(9, boot="a"), *life(9, boot="b", start=500, first=20)[:3]], from_start=True, until=8_000
    )
    assert uncovered(both.lives, both.gaps, 0, 8_000) == []


@pytest.mark.parametrize(
    "change", [{"counter": -1}, {"counter": True}, {"period": 0}, {"writer": 1}, {"boot": None}, {"beat": []}]
)
def test_a_malformed_heartbeat_is_not_taken_for_one(change):
    beat = {"writer": "w", "boot": "b", "counter": 1, "period": 5, "beat": "beat"} | change
    event = {"class_uid": 6002, "time": 1, "unmapped": {"guarita": {"heartbeat": beat}}}
    with pytest.raises(ValueError, match="wrong form"):
        beat_of(0, event)
    assert beat_of(0, {**event, "class_uid": 6003}) is None
    assert beat_of(0, []) is None
