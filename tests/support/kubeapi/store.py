"""Objects under one revision counter, and the log of changes that watches read: what etcd is to the real server."""

import collections
import json
import threading
import time
from typing import Any, NamedTuple

KEPT = 20_000


class Stored:
    """One version of an object; whoever changes it copies first."""

    __slots__ = ("_text", "object", "revision")

    def __init__(self, revision, content):
        self.revision, self.object, self._text = revision, content, None

    @property
    def text(self):
        if self._text is None:
            self._text = json.dumps(self.object, separators=(",", ":"))
        return self._text

    def copy(self):
        return json.loads(self.text)


class Change(NamedTuple):
    revision: int
    kind: str
    """ADDED, MODIFIED or DELETED."""
    key: tuple
    """The resource's."""
    place: tuple
    """Namespace and name."""
    new: Any
    old: Any


def _controller(content):
    owners = content["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


class Store:
    def __init__(self):
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.revision = 100
        self.compacted = 100
        self.objects = collections.defaultdict(dict)
        self.owned = collections.defaultdict(dict)
        self.log = collections.deque()
        self.stalled_until = 0.0

    def get(self, key, place):
        with self.lock:
            return self.objects[key].get(place)

    def all(self, key, namespace=None):
        """The resource's objects, sorted by place as etcd's keys are."""
        with self.lock:
            found = self.objects[key].items()
            return [
                stored
                for _, stored in sorted(
                    found if namespace is None else (p for p in found if p[0][0] == namespace)
                )
            ]

    def put(self, key, place, content):
        """Stores a new version, with its revision in it; gives it back."""
        with self.lock:
            old = self.objects[key].get(place)
            self.revision += 1
            content["metadata"]["resourceVersion"] = str(self.revision)
            new = Stored(self.revision, content)
            self.objects[key][place] = new
            if old is not None:
                self._disown(key, place, old)
            if uid := _controller(content):
                self.owned[key, uid][place] = new
            self._note("MODIFIED" if old else "ADDED", key, place, new, old)
            return new

    def drop(self, key, place):
        with self.lock:
            old = self.objects[key].pop(place)
            self._disown(key, place, old)
            self.revision += 1
            last = old.copy()
            last["metadata"]["resourceVersion"] = str(self.revision)
            new = Stored(self.revision, last)
            self._note("DELETED", key, place, new, old)
            return new

    def owned_by(self, key, uid):
        """The objects of a resource that one owner controls, sorted by place."""
        with self.lock:
            return [stored for _, stored in sorted(self.owned.get((key, uid), {}).items())]

    def _disown(self, key, place, old):
        if uid := _controller(old.object):
            there = self.owned[key, uid]
            there.pop(place, None)
            if not there:
                del self.owned[key, uid]

    def _note(self, kind, key, place, new, old):
        self.log.append(Change(self.revision, kind, key, place, new, old))
        while len(self.log) > KEPT:
            self.compacted = self.log.popleft().revision
        self.changed.notify_all()

    def compact(self):
        """Forgets every change so far: watches and lists from before end with 410 Gone."""
        with self.lock:
            self.log.clear()
            self.compacted = self.revision
            self.changed.notify_all()

    def since(self, revision):
        """The changes after a revision, which must not be compacted."""
        with self.lock:
            return [change for change in self.log if change.revision > revision]

    def wait(self, revision, seconds):
        """Until something is newer than the revision."""
        until = time.monotonic() + seconds
        with self.changed:
            while self.revision <= revision and (left := until - time.monotonic()) > 0:
                self.changed.wait(left)
