"""A JWK Set with the fence in it: members that its readers do not know are ignored (RFC 7517 section 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from guarita.rotation.errors import DriftError, FencedOutError
from guarita.rotation.interface import Fence

_OURS: Final = "guarita"
"""In each key of ours: the secret's name. In the set: the fences by that name."""


@dataclass(frozen=True)
class Change:
    """What a step wants of the set: one key in it, or out of it, or only the fence raised."""

    add: Mapping[str, Any] | None = None
    remove: Sequence[str] = ()
    """Names of keys (`kid`)."""
    keep_only: Sequence[str] | None = None
    """Of the keys that bear the secret's name, all others go."""


def parse(text: str | None, place: str) -> dict[str, Any]:
    """The set; an empty one where there is none. Raises DriftError for what is no JWK Set."""
    if text is None or not text.strip():
        return {"keys": []}
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise DriftError("jwt.no-key-set", f"{place}: holds no JWK Set", hint='an empty one is {"keys": []}')
    whole: dict[str, Any] = document
    return whole


def kids(document: Mapping[str, Any], secret: str | None = None) -> list[str]:
    """The names of the keys in it; of those alone that bear the secret's name, where one is given."""
    return [str(key.get("kid")) for key in document["keys"] if secret is None or key.get(_OURS) == secret]


def removed_at(document: Mapping[str, Any], secret: str, kid: str) -> float | None:
    """When a key was taken out, in seconds since the epoch, if the set still knows."""
    at = _state(document, secret).get("removed", {}).get(kid)
    return float(at) if isinstance(at, int | float) else None


def changed(
    document: Mapping[str, Any], change: Change, fence: Fence, place: str, now: float
) -> dict[str, Any]:
    """The set after the change. Raises FencedOutError when a later step has been at it."""
    state = _state(document, fence.secret)
    if int(state.get("fence", 0)) > fence.token:
        raise FencedOutError(fence.secret, place)
    gone = set(change.remove)
    if change.keep_only is not None:
        gone |= set(kids(document, fence.secret)) - set(change.keep_only)
    keys = [key for key in document["keys"] if key.get("kid") not in gone]
    removed = {kid: now for kid in gone if kid in kids(document)}
    known = {**state.get("removed", {}), **removed}
    if change.add is not None:
        added = {**change.add, _OURS: fence.secret}
        keys = [key for key in keys if key.get("kid") != added["kid"]] + [added]
        known.pop(added["kid"], None)
    fresh = {
        "fence": fence.token,
        **({"removed": dict(sorted(known.items(), key=_when)[-8:])} if known else {}),
    }
    fences = {**document.get(_OURS, {}), fence.secret: fresh}
    return {**document, "keys": keys, _OURS: fences}


def _when(item: tuple[str, Any]) -> float:
    return float(item[1])


def _state(document: Mapping[str, Any], secret: str) -> Mapping[str, Any]:
    fences = document.get(_OURS)
    state = fences.get(secret) if isinstance(fences, dict) else None
    return state if isinstance(state, dict) else {}
