"""What the server refuses with: a `Status` object, as the API conventions lay it down."""


class Refusal(Exception):  # noqa: N818  # an answer, not a fault of the server
    """An answer other than success: HTTP code, machine reason, message, details and headers."""

    def __init__(self, code, reason, message, *, details=None, headers=()):
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.details, self.headers = details, dict(headers)

    def status(self):
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            status["details"] = self.details
        return status


def not_found(resource, name):
    return Refusal(
        404, "NotFound", f'{resource.qualified} "{name}" not found', details=resource.details(name)
    )


def conflict(resource, name, why):
    return Refusal(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}',
        details=resource.details(name),
    )


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def already_exists(resource, name):
    return Refusal(
        409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', details=resource.details(name)
    )


def invalid(resource, name, *causes):
    """422: causes are pairs of a field and what is wrong with it."""
    listed = [
        {"reason": "FieldValueInvalid", "message": message, "field": field} for field, message in causes
    ]
    text = [f"{field}: {message}" for field, message in causes]
    joined = text[0] if len(text) == 1 else f"[{', '.join(text)}]"
    return Refusal(
        422,
        "Invalid",
        f'{resource.kind}{"." + resource.group if resource.group else ""} "{name}" is invalid: {joined}',
        details={**resource.details(name, kind=resource.kind), "causes": listed},
    )


def forbidden(resource, name, why):
    return Refusal(
        403,
        "Forbidden",
        f"{resource.qualified}{f' {chr(34)}{name}{chr(34)}' if name else ''} is forbidden: {why}",
        details=resource.details(name),
    )


def bad_request(message):
    return Refusal(400, "BadRequest", message)


def expired(message):
    return Refusal(410, "Expired", message)
