"""What goes wrong on the way: rules that the tests lay down by the side port, each for so many requests."""

import dataclasses
import fnmatch
import threading
import time


@dataclasses.dataclass
class Rule:
    """`action` is one of
    delay (seconds, then as usual), hang (no answer until released), status (code, with retry_after),
    drop (the connection ends before the request is carried out), lose (carried out, and the answer lost),
    lose-hang (carried out, and no answer until released), trickle (an answer byte by byte), garbage (a page of HTML),
    kill (carried out, and the process `pid` killed before it hears of it), stop (`pid` stopped before it is carried
    out: it goes on when `pid` does).
    """

    action: str
    method: str = "*"
    path: str = "*"
    user: str = "*"
    times: int = 1
    skip: int = 0
    code: int = 503
    retry_after: str | None = None
    seconds: float = 0.0
    pid: int = 0
    seen: int = 0

    def fits(self, request):
        return (
            fnmatch.fnmatchcase(request.method, self.method)
            and fnmatch.fnmatchcase(request.path, self.path)
            and fnmatch.fnmatchcase(request.user_name, self.user)
        )


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []
        self.released = threading.Event()
        self.requests = []
        self.generation = 0
        self.stalled = False

    def add(self, **fields):
        with self.lock:
            self.rules.append(Rule(**fields))

    def reset(self):
        with self.lock:
            self.rules.clear()
            self.requests.clear()
            self.generation += 1
            self.stalled = False
            self.released.set()
            self.released = threading.Event()

    def drop_watches(self):
        with self.lock:
            self.generation += 1

    def match(self, request):
        """The rule for this request, if one fits and is not used up."""
        with self.lock:
            for rule in self.rules:
                if not rule.fits(request):
                    continue
                rule.seen += 1
                if rule.seen <= rule.skip:
                    continue
                if rule.seen <= rule.skip + rule.times:
                    return rule
            return None

    def note(self, **entry):
        with self.lock:
            self.requests.append({"at": time.time(), **entry})
            del self.requests[:-50_000]

    def wait(self, seconds=600.0):
        """Until the tests release what hangs, at most so long."""
        with self.lock:
            released = self.released
        released.wait(seconds)
