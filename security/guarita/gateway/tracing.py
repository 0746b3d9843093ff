"""Spans of decisions by OpenTelemetry, where it is installed and guarita.yaml asks for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from guarita.errors import UsageError
from guarita.gateway.grant import Grant
from guarita.gateway.interface import Request
from guarita.gateway.refusal import RefusalError, UndecidedError

NAME: Final = "guarita.gateway.decide"
Decide = Callable[[Request], Awaitable[Grant]]


class Tracing:
    """Puts a span around each decision: outcome, code, rule and kind of credential, and never who called for what."""

    def __init__(self, provider: Any = None) -> None:
        """`provider` is a TracerProvider; the process's own where it is None.

        Raises UsageError `gateway.tracing` where opentelemetry-api is not installed.
        """
        try:
            from opentelemetry import propagate, trace  # noqa: PLC0415  # never needed
        except ModuleNotFoundError as error:
            raise UsageError(
                "gateway.tracing",
                "gateway.tracing is on, and the package opentelemetry-api is not installed",
                hint="pip install opentelemetry-api",
            ) from error
        self._trace = trace
        self._propagate = propagate
        self._tracer = trace.get_tracer("guarita.gateway", tracer_provider=provider)

    async def __call__(self, decide: Decide, request: Request) -> Grant:
        """Decide within a span: below the span under way, or below the one that the request names."""
        context = None
        if not self._trace.get_current_span().get_span_context().is_valid:
            context = self._propagate.extract(_carrier(request))
        with self._tracer.start_as_current_span(
            NAME, context, record_exception=False, set_status_on_exception=False
        ) as span:
            span.set_attribute("http.request.method", request.method)
            try:
                grant = await decide(request)
            except RefusalError as refusal:
                outcome = "undecided" if isinstance(refusal, UndecidedError) else "refused"
                span.set_attributes({"guarita.outcome": outcome, "guarita.code": refusal.audit_code})
                if outcome == "undecided":
                    span.set_status(self._trace.StatusCode.ERROR, refusal.audit_code)
                raise
            span.set_attributes(
                {
                    "guarita.outcome": "granted",
                    "guarita.rule": grant.rule,
                    "guarita.authenticator": grant.principal.authenticator,
                }
            )
            return grant


def _carrier(request: Request) -> dict[str, str]:
    """The headers of W3C Trace Context, and no other."""
    return {
        name.decode(): value.decode("latin-1")
        for name, value in request.headers
        if name in {b"traceparent", b"tracestate"}
    }
