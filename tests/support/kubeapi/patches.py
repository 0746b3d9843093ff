"""The three patches: JSON (RFC 6902), JSON merge (RFC 7396), and Kubernetes' strategic merge with its directives.

Strategic merge follows apimachinery's `strategicpatch` package; the tests compare it with kubectl's own.
"""

import copy

from .errors import Refusal, bad_request
from .resources import SET


def _unprocessable(message):
    return Refusal(422, "Invalid", message)


def json_patch(document, operations):
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document = copy.deepcopy(document)
    for operation in operations:
        document = _operate(document, operation)
    return document


def _tokens(pointer):
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise bad_request(f"bad JSON pointer: {pointer}")
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")]


def _into(parent, token, *, adding=False):
    if isinstance(parent, list):
        if token == "-" and adding:
            return len(parent)
        try:
            index = int(token)
        except ValueError:
            raise _unprocessable(f"bad index {token!r}") from None
        if not 0 <= index < len(parent) + adding:
            raise _unprocessable(f"index {index} is out of bounds")
        return index
    if not isinstance(parent, dict):
        raise _unprocessable(f"no such path: {token}")
    if not adding and token not in parent:
        raise _unprocessable(f"the path has no key {token}")
    return token


def _at(document, tokens):
    for token in tokens:
        document = document[_into(document, token)]
    return document


def _add(document, tokens, value):
    if not tokens:
        return value
    parent = _at(document, tokens[:-1])
    where = _into(parent, tokens[-1], adding=True)
    if isinstance(parent, list):
        parent.insert(where, value)
    else:
        parent[where] = value
    return document


def _operate(document, operation):
    tokens, what = _tokens(operation["path"]), operation["op"]
    if what == "test":
        try:
            found = _at(document, tokens)
        except Refusal:
            found = None
        if found != operation.get("value"):
            raise _unprocessable(f"testing value {operation['path']} failed: test failed")
        return document
    if what in {"add", "replace"}:
        if what == "replace":
            _at(document, tokens)
            if tokens and isinstance(parent := _at(document, tokens[:-1]), list):
                del parent[_into(parent, tokens[-1])]
        return _add(document, tokens, copy.deepcopy(operation["value"]))
    if what in {"move", "copy"}:
        source = _tokens(operation["from"])
        value = copy.deepcopy(_at(document, source))
        if what == "move":
            parent = _at(document, source[:-1])
            del parent[_into(parent, source[-1])]
        return _add(document, tokens, value)
    if what == "remove":
        parent = _at(document, tokens[:-1])
        del parent[_into(parent, tokens[-1])]
        return document
    raise bad_request(f"unexpected kind of operation: {what}")


def merge_patch(document, patch):
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


ORDER, DELETE_FROM, RETAIN, DIRECTIVE = (
    "$setElementOrder/",
    "$deleteFromPrimitiveList/",
    "$retainKeys",
    "$patch",
)


def strategic_merge(document, patch, schema):
    if not isinstance(patch, dict):
        raise bad_request("a patch must be an object")
    return _merge_map(copy.deepcopy(document), copy.deepcopy(patch), schema)


def _merge_map(original, patch, schema):
    directive = patch.pop(DIRECTIVE, None)
    if directive == "replace":
        return _clean(patch)
    if directive == "delete":
        return {}
    if directive not in {None, "merge"}:
        raise bad_request(f"Unknown patch type found: {directive}")
    if RETAIN in patch:
        kept = set(patch.pop(RETAIN))
        original = {name: value for name, value in original.items() if name in kept}
    _order_lists(original, patch, schema)
    for name, value in patch.items():
        if name.startswith(DELETE_FROM):
            field = name.removeprefix(DELETE_FROM)
            if field in original:
                original[field] = [item for item in original[field] if item not in value]
            continue
        if value is None:
            original.pop(name, None)
            continue
        here = schema.get(name)
        if name not in original or type(original[name]) is not type(value):
            original[name] = _fresh(value, here)
        elif isinstance(value, dict):
            original[name] = _merge_map(original[name], value, here if isinstance(here, dict) else {})
        elif isinstance(value, list):
            original[name] = _merge_list(original[name], value, here)
        else:
            original[name] = value
    return original


def _fresh(value, schema):
    """A part of the patch that has no counterpart: taken over without its directives."""
    if isinstance(value, dict):
        return _clean(value)
    if isinstance(value, list) and isinstance(schema, tuple):
        _, value = _special([], value, schema[0])
        return [_clean(item) for item in value]
    return value


def _clean(value):
    if isinstance(value, dict):
        return {
            name: _clean(item)
            for name, item in value.items()
            if item is not None
            and name not in {DIRECTIVE, RETAIN}
            and not name.startswith((ORDER, DELETE_FROM))
        }
    if isinstance(value, list):
        return [
            _clean(item) for item in value if not (isinstance(item, dict) and item.get(DIRECTIVE) == "delete")
        ]
    return value


def _order_lists(original, patch, schema):
    for name in [name for name in patch if name.startswith(ORDER)]:
        order, field = patch.pop(name), name.removeprefix(ORDER)
        there, changes = original.get(field), patch.pop(field, None)
        here = schema.get(field)
        if there is None and changes is None:
            continue
        key = here[0] if isinstance(here, tuple) else None
        if there is None:
            merged = _fresh(changes, here)
        elif changes is None:
            merged = there
        else:
            merged = _merge_list(there, changes, here)
        original[field] = _normalize(merged, order, there or [], key)


def _merge_list(original, patch, schema):
    if schema == SET:
        merged = list(dict.fromkeys([*original, *patch]))
        return _normalize(merged, patch, original, None)
    if not isinstance(schema, tuple):
        return _clean(patch)
    key, below = schema
    original, patch = _special(original, patch, key)
    merged = list(original)
    for item in patch:
        if key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        place = next((n for n, there in enumerate(merged) if there.get(key) == item[key]), None)
        if place is None:
            merged.append(_clean(item))
        else:
            merged[place] = _merge_map(merged[place], item, below)
    return _normalize(merged, patch, original, key)


def _special(original, patch, key):
    """Carries out the items of the patch that delete, or that replace the list."""
    kept = [item for item in patch if item.get(DIRECTIVE) not in {"replace", "delete"}]
    if any(item.get(DIRECTIVE) == "replace" for item in patch):
        return [], kept
    gone = [item[key] for item in patch if item.get(DIRECTIVE) == "delete"]
    return [item for item in original if item.get(key) not in gone], kept


def _normalize(merged, order, server, key):
    """The patch's order for what it names; what only the server has keeps its own, placed by it where that is known."""

    def name(item):
        return item.get(key) if key else item

    wanted = [name(item) for item in order]
    there = [name(item) for item in server]
    named = sorted(
        (item for item in merged if name(item) in wanted), key=lambda item: wanted.index(name(item))
    )
    only = [item for item in merged if name(item) not in wanted]
    only.sort(key=lambda item: there.index(name(item)) if name(item) in there else len(there))
    result = []
    while named and only:
        left, right = name(only[0]), name(named[0])
        before = left in there and right in there and there.index(left) < there.index(right)
        result.append((only if before else named).pop(0))
    return [*result, *only, *named]
