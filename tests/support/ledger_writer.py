"""A process that appends to a ledger and says what was acknowledged, until it is done or killed.

Usage: ledger_writer.py URL KEY NUMBER COUNT [THREADS]. Each line of its output is `INDEX CALL`, written after the append
has returned; calls are numbered from NUMBER * 1,000,000 on.
"""

import itertools
import os
import sys
import threading

from guarita.audit import events, open_ledger


def main(url, key, number, count, threads=1):
    calls = itertools.count(number * 1_000_000)

    def work():
        for call in itertools.islice(calls, count // threads):
            done = ledger.append(events.api_activity(time=call, operation=f"call {call}", actor="a"))
            os.write(1, b"%d %d\n" % (done.index, call))

    with open_ledger(url, key=key) as ledger:
        started = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
