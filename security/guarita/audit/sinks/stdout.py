"""JSON lines on stdout, for whatever collects a container's output."""

from __future__ import annotations

import sys

from guarita.audit.export.lines import json_line
from guarita.audit.sinks.interface import Batch, Sink, SinkUnavailableError


class StdoutSink(Sink):
    """Writes lines as `guarita audit export --output jsonl` does. A reader that hangs stops this sink alone."""

    def send(self, batch: Batch) -> int:
        text = b"".join(json_line(leaf) for leaf in batch.leaves)
        try:
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        except (OSError, ValueError) as error:
            raise SinkUnavailableError("audit.sink-stdout", "stdout is closed") from error
        return 0
