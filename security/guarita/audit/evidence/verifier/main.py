"""The command: `python3 evidence.pyz`, or `python3 verifier.pyz evidence.pyz`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import notes
from .check import Refuted, check
from .container import Container, Malformed
from .facts import Facts
from .gaps import is_number
from .limits import attested, limits
from .report import Report, document, lines

HOLDS, REFUTED, USAGE, UNKNOWN = 0, 1, 2, 3
ABOUT = """
Verifies a file of audit evidence and says what it shows. It needs no network and nothing but Python.
"""
AFTER = """
exit status: 0 everything holds under the key that you named; 1 it does not hold; 2 the call is wrong;
3 it holds together, but you named no key, so it may be somebody's invention.
"""


def main(arguments: list[str], itself: Path | None) -> int:
    """Verify and report. `itself` is the file that this program came in, if it came in one."""
    options = _parser(itself).parse_args(arguments)
    try:
        known = [notes.parse_key(one, notes.ED25519) for one in options.vkey]
        witnesses = [notes.parse_key(one, notes.COSIGNATURE_V1) for one in options.witness]
    except ValueError as error:
        return _say(f"error: {error}", USAGE)
    quorum = options.quorum or len(witnesses) // 2 + 1
    if witnesses and quorum > len(witnesses):
        return _say("error: the quorum is larger than the number of witnesses", USAGE)
    file: Path = options.file or itself or Path()
    try:
        report = verify(file.read_bytes(), known, witnesses, quorum if witnesses else 0)
    except OSError as error:
        return _say(f"error: {file}: {error.strerror}", USAGE)
    except (Malformed, Refuted) as error:
        if options.json:
            sys.stdout.write(json.dumps({"holds": False, "reason": str(error)}) + "\n")
        return _say("DOES NOT HOLD: " + "".join(c if c.isprintable() else "?" for c in str(error)), REFUTED)
    if options.json:
        sys.stdout.write(json.dumps({"holds": True, **document(report)}) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(report))
    return _verdict(report, itself if options.file is None else None)


def verify(data: bytes, known: list[notes.Key], witnesses: list[notes.Key], quorum: int) -> Report:
    """Verify a file's bytes. Raises Malformed or Refuted; nothing of it is shown then."""
    container = Container(data)
    period = [container.manifest.get(name) for name in ("from", "to")]
    if any(one is not None and not is_number(one) for one in period):
        raise Malformed("the period is not of two times")
    facts = Facts(*period)
    checked = check(container, known, witnesses, facts.add)
    unproved = limits(checked, facts, container.manifest, quorum)
    return Report(
        container.sha256, container.manifest, checked, facts, attested(checked.checkpoints, quorum), unproved
    )


def _verdict(report: Report, itself: Path | None) -> int:
    if itself is not None:
        _say(
            "note: this program came in the file that it judges. For a verdict that the file cannot influence, "
            "run a verifier that you got elsewhere on it.",
            HOLDS,
        )
    if not report.checked.anchored:
        return _say(
            "UNKNOWN: it holds together, but under a key out of this very file. Get the log's key from somebody "
            "you trust, and name it with --vkey.",
            UNKNOWN,
        )
    return _say("HOLDS under the key that you named, within the limits above.", HOLDS)


def _say(text: str, status: int) -> int:
    sys.stderr.write(text + "\n")
    return status


def _parser(itself: Path | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=ABOUT, epilog=AFTER, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if itself is None:
        parser.add_argument("file", type=Path, metavar="FILE", help="the evidence")
    else:
        about = "the evidence [default: the file that this program is in]"
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help=about)
    parser.add_argument("--vkey", action="append", default=[], help="the log's public key, as you know it")
    parser.add_argument(
        "--witness", action="append", default=[], metavar="VKEY", help="a witness's public key"
    )
    parser.add_argument(
        "--quorum", type=int, metavar="K", help="how many witnesses count [default: more than half]"
    )
    parser.add_argument("--json", action="store_true", help="the report for machines")
    return parser
