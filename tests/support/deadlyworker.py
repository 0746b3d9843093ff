"""The Celery application with a fault: documents of some names kill who reads them, while they are read."""

import os
import signal
import threading
from pathlib import Path

from guarita.pii.reading import Reader
from guarita.pii.worker import app  # noqa: F401

original = Reader.read


def _once(name):
    flag = Path(os.environ["FLAGS"], name)
    if flag.exists():
        return False
    flag.touch()
    return True


def _fatal(order):
    if order.op != "inspect":
        return None
    if "poison" in order.name or ("once" in order.name and _once(order.name)):
        return os.kill, (os.getpid(), signal.SIGKILL)
    if "crash" in order.name and _once(order.name):
        return os.killpg, (os.getpgid(0), signal.SIGKILL)
    return None


def read(self, order, *arguments, **options):
    fatal = _fatal(order)
    if fatal is not None:
        threading.Timer(0.2, *fatal).start()
    result = original(self, order, *arguments, **options)
    if fatal is not None:
        # However fast the document was read, nobody lives to use it.
        threading.Event().wait()
    return result


Reader.read = read
