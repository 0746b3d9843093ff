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


def read(self, order, *arguments, **options):
    if order.op == "inspect":
        if "poison" in order.name or ("once" in order.name and _once(order.name)):
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
        elif "crash" in order.name and _once(order.name):
            threading.Timer(0.2, os.killpg, (os.getpgid(0), signal.SIGKILL)).start()
    return original(self, order, *arguments, **options)


Reader.read = read
