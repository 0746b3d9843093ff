"""A process that appends to a ledger and says what was acknowledged, until it is done or killed.

Usage: ledger_writer.py URL KEY NUMBER COUNT [THREADS], or ledger_writer.py URL KEY for many of them (`nursery`). Each line of its output is `INDEX CALL`, written after the append
has returned; calls are numbered from NUMBER * 1,000,000 on.
"""

import itertools
import os
import signal
import sys
import threading

from guarita.audit import events, open_ledger


def event(call):
    return events.api_activity(time=call, operation=f"call {call}", actor="a")


def main(url, key, number, count, threads=1):
    calls = itertools.count(number * 1_000_000)

    def work():
        for call in itertools.islice(calls, count // threads):
            done = ledger.append(event(call))
            os.write(1, b"%d %d\n" % (done.index, call))

    with open_ledger(url, key=key) as ledger:
        started = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()


def nursery(url, key):
    """Fork a writer for each line `NUMBER COUNT THREADS FILE` of the input, and say its process id.

    A fork costs a hundredth of a new interpreter. What a writer says goes to its file.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        *numbers, file = line.split()
        child = os.fork()
        if not child:
            os.dup2(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND), 1)
            try:
                main(url, key, *map(int, numbers))
            finally:
                os._exit(0)
        os.write(1, b"%d\n" % child)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
    else:
        nursery(sys.argv[1], sys.argv[2])
