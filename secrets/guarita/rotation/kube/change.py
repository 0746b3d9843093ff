"""Changes of an object that others change too: read, compared, fenced by what was read, and read back when unsure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from guarita.rotation.errors import FencedOutError, TransientError
from guarita.rotation.interface import Fence
from guarita.rotation.kube.api import JSON_PATCH, AmbiguousError, Api, ConflictError, Object
from guarita.rotation.kube.names import fence_annotation
from guarita.rotation.kube.references import Pointer, text

Operation = dict[str, Any]

_ROUNDS: Final = 6


def change(
    api: Api, path: str, what: str, fence: Fence, decide: Callable[[Object], Sequence[Operation]]
) -> Object:
    """Carry out what `decide` says of the object as it stands, and leave the fence's token on it.

    The token stays also where nothing else is to be done: a stopped runner that wakes later finds it, or fails on the
    resourceVersion that it had read. Raises FencedOutError, ConflictError after several rounds, and what `decide`
    raises.
    """
    for _ in range(_ROUNDS):
        there = api.get(path)
        if there is None:
            raise TransientError("kube.gone", f"{what}: is not there any more", delay=2.0)
        seen = seen_token(there, fence)
        if seen > fence.token:
            raise FencedOutError(fence.secret, what)
        operations = list(decide(there))
        if seen == fence.token and not operations:
            return there
        fence.hold()
        try:
            return api.patch(path, fenced(there, fence, operations), JSON_PATCH)
        except (ConflictError, AmbiguousError) as error:
            lost = error
    raise lost


def seen_token(content: Mapping[str, Any], fence: Fence) -> int:
    """The greatest token that was seen at an object."""
    noted = (content["metadata"].get("annotations") or {}).get(fence_annotation(fence.secret), "")
    return int(noted) if noted.isdecimal() else 0


def fenced(content: Object, fence: Fence, operations: Sequence[Operation]) -> Sequence[Operation]:
    """A JSON patch (RFC 6902) that fails with a conflict unless the object is still as it was read."""
    metadata = content["metadata"]
    return [
        # Replaced by itself: the server compares it, and answers 409. A `test` would answer 422.
        {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        *([] if metadata.get("annotations") else [put(("metadata", "annotations"), {})]),
        put(("metadata", "annotations", fence_annotation(fence.secret)), str(fence.token)),
        *operations,
    ]


def put(pointer: Pointer, value: Any) -> Operation:
    """An operation that sets a field, whether or not it is there."""
    return {"op": "add", "path": text(pointer), "value": value}


def replace(pointer: Pointer, value: Any) -> Operation:
    """An operation that sets a field that is there."""
    return {"op": "replace", "path": text(pointer), "value": value}


def remove(pointer: Pointer) -> Operation:
    """An operation that removes a field that is there."""
    return {"op": "remove", "path": text(pointer)}
