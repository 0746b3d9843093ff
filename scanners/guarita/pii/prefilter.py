"""Which hints occur in a text at all, by one pass over it: Hyperscan, RE2 or `re`, with one answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

from guarita.errors import MissingExtraError

Engine = Literal["auto", "hyperscan", "re2", "re"]


class Prefilter(Protocol):
    """Patterns compiled together."""

    def present(self, seen: bytes) -> frozenset[int]:
        """The numbers of the patterns that match anywhere."""
        ...


def prefilter(patterns: Sequence[str], engine: Engine = "auto") -> Prefilter:
    """The patterns compiled for an engine; `auto` takes the first that is installed.

    Raises MissingExtraError when the engine asked for is not.
    """
    if not patterns:
        return _Re(patterns)
    if engine == "auto":
        for name in ("hyperscan", "re2"):
            try:
                return _ENGINES[name](patterns)
            except ImportError:
                continue
        return _Re(patterns)
    try:
        return _ENGINES[engine](patterns)
    except ImportError as error:
        extra = "pii-hyperscan" if engine == "hyperscan" else "pii"
        raise MissingExtraError(extra, error.name or engine) from error


class _Re:
    """The standard library: a pass for each pattern."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [re.compile(pattern.encode("ascii")) for pattern in patterns]

    def present(self, seen: bytes) -> frozenset[int]:
        return frozenset(
            number for number, pattern in enumerate(self._patterns) if pattern.search(seen) is not None
        )


class _Re2:
    """RE2's set: one automaton, linear in the text (google/re2, set.h)."""

    def __init__(self, patterns: Sequence[str]) -> None:
        import re2  # noqa: PLC0415  # an extra

        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.max_mem = 64 << 20
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._set.Add(pattern)
        self._set.Compile()

    def present(self, seen: bytes) -> frozenset[int]:
        return frozenset(self._set.Match(seen) or ())


class _Hyperscan:
    """Hyperscan's database: one pass with vector instructions (intel/hyperscan)."""

    def __init__(self, patterns: Sequence[str]) -> None:
        import hyperscan  # noqa: PLC0415  # an extra

        flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL
        self._database = hyperscan.Database()
        self._database.compile(
            expressions=[pattern.encode("ascii") for pattern in patterns],
            ids=list(range(len(patterns))),
            elements=len(patterns),
            flags=[flags] * len(patterns),
        )

    def present(self, seen: bytes) -> frozenset[int]:
        found: set[int] = set()

        def matched(number: int, *_: Any) -> None:
            found.add(number)

        # The module keeps the scratch space of each thread.
        self._database.scan(seen, match_event_handler=matched)
        return frozenset(found)


_ENGINES: Final[Mapping[str, Callable[[Sequence[str]], Prefilter]]] = {
    "hyperscan": _Hyperscan,
    "re2": _Re2,
    "re": _Re,
}
