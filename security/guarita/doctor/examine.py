"""All checks side by side, each within its time: one that hangs holds up nobody."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence

from guarita.doctor.interface import Check, Found, Standing
from guarita.errors import ExitStatus, GuaritaError


def examine(checks: Sequence[Check], timeout: float) -> list[Found]:
    """What each check found within `timeout` seconds, in the order given."""
    answers: queue.SimpleQueue[tuple[int, Found]] = queue.SimpleQueue()
    for place, check in enumerate(checks):
        # Daemons: what hangs in the kernel or in a library does not keep the process from ending.
        threading.Thread(
            target=lambda at=place, one=check: answers.put((at, _asked(one))),
            name=f"doctor-{check.name}",
            daemon=True,
        ).start()
    found: dict[int, Found] = {}
    deadline = time.monotonic() + timeout
    while len(found) < len(checks):
        try:
            place, answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        found[place] = answer
    return [found.get(place) or _silent(check, timeout) for place, check in enumerate(checks)]


def overall(found: Sequence[Found]) -> ExitStatus:
    """1 where something is wrong, else 3 where something could not be found out, else 0."""
    standings = {one.standing for one in found}
    if Standing.WRONG in standings:
        return ExitStatus.REFUSED
    return ExitStatus.UNKNOWN if Standing.UNKNOWN in standings else ExitStatus.PASSED


def _asked(check: Check) -> Found:
    try:
        return Found(check=check.name, standing=Standing.WELL, message=check.run())
    except GuaritaError as error:
        known = error.exit_status is not ExitStatus.UNKNOWN
        return Found(
            check=check.name,
            standing=Standing.WRONG if known else Standing.UNKNOWN,
            message=error.message,
            hint=error.hint,
            code=error.code,
        )
    except ModuleNotFoundError as error:
        return Found(
            check=check.name,
            standing=Standing.WRONG,
            message=f"the package {error.name!r} is not installed, and the configuration needs it",
            code="extra.missing",
        )
    except Exception as error:  # noqa: BLE001  # the boundary of a thread: by its type alone, since its words may hold anything
        return Found(
            check=check.name,
            standing=Standing.UNKNOWN,
            message=f"the check itself failed ({type(error).__name__})",
            code="doctor.failed",
        )


def _silent(check: Check, timeout: float) -> Found:
    return Found(
        check=check.name,
        standing=Standing.UNKNOWN,
        message=f"no answer within {timeout:g} seconds",
        hint="what it asks hangs, or --timeout is too short",
        code="doctor.timeout",
    )
