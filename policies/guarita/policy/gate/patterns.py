"""Patterns for paths and rules, as people write them in .gitignore."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Sequence


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    anchored = "/" in pattern.rstrip("/")
    folder = pattern.endswith("/")
    text = pattern.strip("/")
    parts = []
    index = 0
    while index < len(text):
        if text.startswith("**/", index):
            parts.append("(?:.*/)?")
            index += 3
        elif text.startswith("**", index):
            parts.append(".*")
            index += 2
        elif text[index] == "*":
            parts.append("[^/]*")
            index += 1
        elif text[index] == "?":
            parts.append("[^/]")
            index += 1
        else:
            parts.append(re.escape(text[index]))
            index += 1
    start = "" if anchored else "(?:.*/)?"
    end = "/.*" if folder else "(?:/.*)?"
    return re.compile(f"{start}{''.join(parts)}{end}", re.DOTALL)


def path_matches(path: str, patterns: Sequence[str] | None) -> bool:
    """Whether a path is meant by any of the patterns; no patterns mean every path.

    As in .gitignore: `*` stays within a folder, `**` crosses folders, a pattern without a slash matches
    at any depth, a pattern that matches a folder means all below it.
    """
    return patterns is None or any(_compiled(pattern).fullmatch(path) for pattern in patterns)


def rule_matches(rule: str, pattern: str) -> bool:
    """Whether a rule's id is meant by a pattern such as `CKV_K8S_*`. Case counts."""
    return fnmatch.fnmatchcase(rule, pattern)
