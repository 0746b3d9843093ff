"""At least once, whatever happens: killed at every step, two at once, one that wakes late, faults in any order."""

import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections import Counter
from pathlib import Path

import alerting
import pytest
from alerting import HOUR, MINUTE, SECOND
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guarita.audit import LedgerCorruptError
from guarita.detection.alerts import desk
from guarita.detection.alerts.silences import matches

ROUTES = (
    "      - {name: page, levels: [critical], channels: [a], group_wait: 0, resolve_after: 1800}\n"
    + alerting.REST
)


def scene_at(url, **named):
    return alerting.Scene(url, ROUTES, **{"channels": "a", **named})


def test_killed_at_each_step_it_loses_nothing(tmp_path):
    """Each child begins with one finding in the ledger, and is killed (SIGKILL) one step later than the last."""
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    scene = scene_at(prepared / "l.db")
    scene.detect()
    scene.close()
    steps = 0
    ended = False
    while not ended:
        steps += 1
        folder = tmp_path / str(steps)
        shutil.copytree(prepared, folder)
        child = os.fork()
        if not child:
            try:
                killed_at(folder, steps)
            finally:
                os._exit(3)
        _, status = os.waitpid(child, 0)
        ended = os.WIFEXITED(status)
        assert ended or os.WTERMSIG(status) == signal.SIGKILL
        if ended:
            assert os.WEXITSTATUS(status) == 0
        told(folder)
    assert steps > 20, "it was killed at every step on the way"


def filed(folder):
    scene = scene_at(folder / "l.db")
    scene.channels["a"] = scene.routing.channels["a"] = alerting.Filed(folder / "sent")
    return scene


def killed_at(folder, number):
    scene = filed(folder)
    steps = alerting.Steps(lambda count: count == number and os.kill(os.getpid(), signal.SIGKILL))
    steps.around(scene)
    scene.courier.once()
    os._exit(0)


def told(folder):
    """Whoever comes next finishes it: the message is there, twice only under one name, and stands once in the ledger."""
    scene = filed(folder)
    scene.now += 2 * MINUTE  # beyond the claim of the one that was killed
    scene.courier.once()
    messages = scene.channels["a"].messages()
    assert {message.kind for message in messages} == {"trigger"}
    assert len({message.id for message in messages}) == 1
    assert len(messages) in {1, 2}
    (sent,) = scene.events("alert.sent")
    assert (sent["alerts"], sent["first"]) == (1, 1)
    scene.close()


def test_two_couriers_tell_each_alert_once(place):
    one = scene_at(place, more="    flood: 1000\n")
    for number in range(60):
        one.detect(group={"user": f"u{number}"})
    two = scene_at(place, more="    flood: 1000\n")
    threads = [threading.Thread(target=scene.courier.once) for scene in (one, two) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.go(), two.go()
    heard = Counter(
        message.labels["group.user"] for scene in (one, two) for _, message in scene.channels["a"].sent
    )
    assert heard == Counter({f"u{number}": 1 for number in range(60)})
    assert len(one.events("alert.sent")) == 60
    one.close()
    two.close()


def test_what_lasts_and_ends_is_the_same_on_each_store(place):
    scene = alerting.Scene(
        place,
        "      - {name: page, levels: [critical], channels: [a], group_wait: 5, escalate_after: 60, escalate_to: up}\n"
        "      - {name: up, channels: [b]}\n" + alerting.REST,
        more="    keep_days: 0.1\n",
    )
    scene.channels["a"].faults = ["away", "lost"]
    scene.detect(group={"user": "ana\0", "with": "'; DROP TABLE alert; --"})
    scene.go(70 * SECOND, step=SECOND)
    assert scene.channels["b"].kinds_sent() == ["trigger"]
    silence = scene.silence(10 * MINUTE, rule="rule-1")
    scene.ack()
    scene.go(5 * MINUTE, step=MINUTE)
    assert scene.channels["b"].kinds_sent() == ["trigger"]
    scene.turn(desk.unsilence, silence.id, "ana")
    scene.go(2 * HOUR, step=10 * MINUTE)
    assert scene.channels["b"].kinds_sent() == ["trigger", "acknowledge", "resolve"]
    assert len(scene.incidents(closed=True)) == 1
    scene.go(3 * HOUR, step=HOUR)
    assert scene.incidents(closed=True) == []
    scene.close()
    again = scene_at(place)
    again.now = scene.now
    again.courier.once()
    assert again.channels["a"].sent == [], "what was read is not read again"
    again.close()


def test_a_courier_that_wakes_late_changes_nothing(place):
    late, other = scene_at(place), scene_at(place)
    late.detect()

    def sleeps(_):
        other.now = late.now = late.now + HOUR // 4
        other.courier.once()

    late.channels["a"].faults = [sleeps]
    late.courier.once()
    assert [len(scene.channels["a"].sent) for scene in (late, other)] == [1, 1]
    (one,), (two,) = late.channels["a"].sent, other.channels["a"].sent
    assert one[1].id == two[1].id
    assert len(late.events("alert.sent")) == 1
    late.close()
    other.close()


def test_another_ledger_under_the_same_name_is_noticed(tmp_path):
    scene = scene_at(tmp_path / "l.db")
    scene.detect()
    scene.go()
    scene.close()
    for name in ("l.db", "l.db-wal", "l.db-shm", "l.keys.db"):
        (tmp_path / name).unlink(missing_ok=True)
    scene = scene_at(tmp_path / "l.db")
    scene.detect(rule="other")
    with pytest.raises(LedgerCorruptError, match="does not have there"):
        scene.courier.once()
    scene.close()


def test_a_channels_thread_that_breaks_ends_the_courier(tmp_path):
    scene = scene_at(tmp_path / "l.db")
    scene.courier.deliver = lambda _: 1 // 0
    with pytest.raises(ZeroDivisionError):
        scene.courier.follow(threading.Event())
    scene.close()


class Killed(BaseException):
    """As SIGKILL: nothing of this process goes on."""


ACTS = st.one_of(
    st.tuples(st.just("detect"), st.sampled_from(["r1", "r2"]), st.sampled_from(["critical", "medium"]), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.sampled_from([1, 40, 200, 2000, 20_000])),
    st.tuples(st.just("ack")),
    st.tuples(
        st.just("silence"),
        st.sampled_from([{"rule": "r1"}, {"rule": "r*"}, {"group.user": "[01]"}]),
        st.sampled_from([30, 700, 3000]),
    ),
    st.tuples(st.just("unsilence")),
    st.tuples(st.just("fault"), st.sampled_from("ab"), st.sampled_from(["away", "no", "lost", "wait30"]), st.integers(1, 4)),
    st.tuples(st.just("kill"), st.integers(1, 30)),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(ACTS, max_size=20))
@example([("silence", {"rule": "r*"}, 3000), ("detect", "r1", "critical", 0), ("wait", 20_000)])
@example([("fault", "a", "no", 4), ("detect", "r1", "critical", 0), ("kill", 12), ("kill", 9), ("ack",)])
def test_each_critical_alert_is_told_or_stands_as_failed_and_nothing_while_silenced(acts):
    # In memory where there is such a place: what a disk does is tested above.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        scene = alerting.Scene(
            f"{folder}/l.db",
            "      - {name: page, levels: [critical], channels: [a], group_wait: 5, group_interval: 60,\n"
            "         group_by: [rule], resolve_after: 900, escalate_after: 600, escalate_to: up}\n"
            "      - {name: up, channels: [b]}\n" + alerting.REST,
            channels="a b", more="    fallback: b\n    flood: 2\n    give_up_after: 7200\n",
        )  # fmt: skip
        watched = Watched(scene)
        for act in acts:
            watched.do(*act)
        scene.channels["a"].faults = scene.channels["b"].faults = []
        scene.go(MINUTE)
        # Leases and silences end, and what lasts is told; then it is over.
        scene.go(3 * HOUR, step=4 * MINUTE)
        watched.check()
        scene.close()


class Watched:
    """A scene whose messages are compared with its silences when they are sent."""

    def __init__(self, scene):
        self.scene = scene
        self.critical = set()
        self.told = set()
        for channel in scene.channels.values():
            send = channel.send
            channel.send = lambda message, now, send=send: self.sent(send, message, now)

    def sent(self, send, message, now):
        with self.scene.database.transaction() as execute:
            silences = alerting.State(execute).silences(self.scene.now)
        for line in message.alerts:
            assert not any(matches(silence, line) for silence in silences)
        answer = send(message, now=now)
        if message.kind == "trigger":
            self.told |= {line.key for line in message.alerts}
        return answer

    def do(self, kind, *arguments):
        getattr(self, kind)(*arguments)

    def detect(self, rule, level, user):
        self.scene.detect(rule, level, group={"user": str(user)})
        if level == "critical":
            self.critical.add((rule, str(user)))
        self.scene.courier.once()

    def wait(self, seconds):
        self.scene.go(seconds * SECOND, step=max(seconds // 8, 1) * SECOND)

    def ack(self):
        if self.scene.incidents():
            self.scene.ack()

    def silence(self, matchers, seconds):
        self.scene.silence(seconds * SECOND, **matchers)

    def unsilence(self):
        with self.scene.database.transaction() as execute:
            there = alerting.State(execute).silences(self.scene.now)
        if there:
            self.scene.turn(desk.unsilence, there[0].id, "ana")

    def fault(self, channel, fault, times):
        self.scene.channels[channel].faults = [fault] * times

    def kill(self, number):
        scene = self.scene
        whole = scene.database.transaction

        def die(count):
            if count >= number:
                raise Killed

        steps = alerting.Steps(die)

        @contextlib.contextmanager
        def transaction():
            steps.step()
            with whole() as execute:
                yield execute
                steps.step()
            steps.step()

        scene.database.transaction = transaction
        with contextlib.suppress(Killed):
            scene.courier.once()
        scene.database.transaction = whole
        scene.courier = scene.hire()

    def check(self):
        """Silences of the test last under an hour: an alert may have ended under one, and the ledger says so."""
        scene = self.scene
        failed = {
            key
            for one in scene.events("alert.failed") + scene.events("alert.abandoned")
            for key in one["keys"]
        }
        ended_silenced = {
            one["event"]["resources"][0]["uid"] for one in scene.events("alert.resolved") if one["silenced"]
        }
        for incident in scene.incidents(closed=True):
            for alert in scene.alerts(incident):
                if alert.level == "critical" and incident.id not in ended_silenced:
                    assert alert.notified is not None or alert.key in failed
                    assert alert.key in self.told | failed
        found = {
            (alert.rule, alert.group["user"])
            for incident in scene.incidents(closed=True)
            for alert in scene.alerts(incident)
            if alert.level == "critical"
        }
        assert found == self.critical
