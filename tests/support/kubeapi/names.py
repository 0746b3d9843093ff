"""Names, labels and selectors, as the API checks and matches them."""

import re

from .errors import bad_request

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\Z")
QUALIFIED = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")


def metadata_faults(metadata, *, free=False):
    """Pairs of a field and what is wrong with it; a free name is any that fits into a path."""
    name = metadata.get("name", "")
    if free:
        if "/" in name or "%" in name or name in {".", ".."}:
            yield "metadata.name", f'Invalid value: "{name}": may not contain a slash or percent sign'
    elif not SUBDOMAIN.match(name) or len(name) > 253:
        yield (
            "metadata.name",
            (
                f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters'
            ),
        )
    for label, value in (metadata.get("labels") or {}).items():
        if not QUALIFIED.match(label) or len(label.rpartition("/")[2]) > 63:
            yield (
                "metadata.labels",
                f'Invalid value: "{label}": name part must consist of alphanumeric characters',
            )
        if len(value) > 63:
            yield "metadata.labels", f'Invalid value: "{value}": must be no more than 63 bytes'
        elif not LABEL_VALUE.match(value):
            yield (
                "metadata.labels",
                f'Invalid value: "{value}": a valid label must be an empty string or consist of …',
            )
    notes = metadata.get("annotations") or {}
    for note in notes:
        if not QUALIFIED.match(note.lower()) or len(note.rpartition("/")[2]) > 63:
            yield "metadata.annotations", f'Invalid value: "{note}": name part must be no more than 63 bytes'
    if sum(len(name) + len(value) for name, value in notes.items()) > 256 * 1024:
        yield "metadata.annotations", "Too long: may not be more than 262144 bytes"


def selects(selector, labels):
    """A LabelSelector object against labels; an empty one selects everything, none selects nothing."""
    if selector is None:
        return False
    for name, value in (selector.get("matchLabels") or {}).items():
        if labels.get(name) != value:
            return False
    for wanted in selector.get("matchExpressions") or []:
        name, how, values = wanted["key"], wanted["operator"], wanted.get("values") or []
        matched = {
            "In": labels.get(name) in values,
            "NotIn": labels.get(name) not in values,
            "Exists": name in labels,
            "DoesNotExist": name not in labels,
        }[how]
        if not matched:
            return False
    return True


TERM = re.compile(
    r"\s*(?:(?P<not>!)\s*(?P<absent>[^\s,()=!]+)|(?P<key>[^\s,()=!]+)\s*"
    r"(?:(?P<op>==|=|!=)\s*(?P<value>[^\s,()=!]*)|(?P<set>in|notin)\s*\((?P<values>[^)]*)\))?)\s*(?:,|\Z)"
)


def label_matcher(text):
    """What `labelSelector=` says, as a function of labels."""
    tests, place = [], 0
    while text and place < len(text):
        found = TERM.match(text, place)
        if not found:
            raise bad_request(f"unable to parse requirement: {text[place:]!r}")
        place = found.end()
        tests.append(_label_test(found))
    return lambda labels: all(test(labels) for test in tests)


def _label_test(found):
    if found["not"]:
        return lambda labels, name=found["absent"]: name not in labels
    name = found["key"]
    if found["set"]:
        values = {value.strip() for value in found["values"].split(",")}
        if found["set"] == "in":
            return lambda labels: labels.get(name) in values
        return lambda labels: labels.get(name) not in values
    if found["op"] is None:
        return lambda labels: name in labels
    if found["op"] == "!=":
        return lambda labels, value=found["value"]: labels.get(name) != value
    return lambda labels, value=found["value"]: labels.get(name) == value


FIELDS = {
    ("", "pods"): {"spec.nodeName", "status.phase", "spec.serviceAccountName", "spec.restartPolicy"},
    ("", "secrets"): {"type"},
    ("", "events"): {"involvedObject.name", "involvedObject.kind", "involvedObject.uid", "reason", "type"},
    ("", "namespaces"): {"status.phase"},
}


def field_matcher(resource, text):
    """What `fieldSelector=` says; a field that the resource cannot be selected by is a bad request."""
    known = {"metadata.name", "metadata.namespace", *FIELDS.get(resource.key, ())}
    tests = []
    for term in filter(None, (text or "").split(",")):
        name, how, value = re.match(r"([^=!]+)(==|=|!=)(.*)\Z", term).groups()
        if name not in known:
            raise bad_request(f"field label not supported: {name}")
        tests.append((name.split("."), how != "!=", value))

    def matches(found):
        for path, equal, value in tests:
            here = found
            for step in path:
                here = (here or {}).get(step)
            if ((here or "") == value) is not equal:
                return False
        return True

    return matches


def named_only(text):
    """The one name that a field selector asks for, if it asks for one: RBAC allows lists of a named object by it."""
    found = re.fullmatch(r"metadata\.name==?([^,=!]+)", text or "")
    return found[1] if found else ""
