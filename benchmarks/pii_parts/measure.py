"""One engine on one kind of document in a process of its own: `measure.py ENGINE KIND SECONDS` prints JSON."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from pii_parts.engines import ENGINES
from pii_parts.texts import timed


def main() -> None:
    """Read documents until they or the seconds of CPU are at an end."""
    engine, kind, most = sys.argv[1], sys.argv[2], float(sys.argv[3])
    documents = timed(kind)
    started = time.process_time()
    find = ENGINES[engine][0]()
    find("Maria Souza, CPF 529.982.247-25")
    ready = time.process_time() - started
    size = 0
    started = time.process_time()
    for document in documents:
        find(document)
        size += len(document.encode())
        if time.process_time() - started > most:
            break
    spent = time.process_time() - started
    # Not ru_maxrss: that begins with what the parent had when it forked.
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text()).group(1)) / 1024
    print(json.dumps({"speed": size / 1000 / spent, "start": ready, "peak": peak, "kb": size / 1000}))


if __name__ == "__main__":
    main()
