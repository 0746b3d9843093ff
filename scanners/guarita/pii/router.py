"""A FastAPI router for checks: bytes in, a decision out, the redacted document where that is asked for.

`app.include_router(router(gate), prefix="/pii", dependencies=[Depends(...)])`. Who may call is the application's to
say; `tenant` tells whose document a request brings.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import IO, Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from guarita.audit import LedgerError
from guarita.errors import GuaritaError, UsageError
from guarita.pii.documents import Source
from guarita.pii.ingest import IngestGate, Outcome

Tenant = Callable[[Request], str]
DECISION: Final = "Guarita-Decision"
_TOO_LARGE, _UNAVAILABLE, _REFUSED = 413, 503, 422
_IN_MEMORY: Final = 1 << 20


def router(gate: IngestGate, *, tenant: Tenant = lambda _: "") -> APIRouter:
    """The routes `POST /check` and `POST /redact`; the body is the document, `name` its name."""
    made = APIRouter(tags=["personal data"])
    limit = gate.section.reading.document_mib << 20

    @made.post("/check")
    async def check(request: Request, name: Annotated[str, Query(max_length=512)] = "body.txt") -> Response:
        """Say what the policy makes of a document."""
        return await _answered(request, name, redact=False)

    @made.post("/redact")
    async def redact(request: Request, name: Annotated[str, Query(max_length=512)] = "body.txt") -> Response:
        """Give the document without what the policy wants out of it; 422 where it may not go on."""
        return await _answered(request, name, redact=True)

    async def _answered(request: Request, name: str, *, redact: bool) -> Response:
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            size = 0
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    return _problem(_TOO_LARGE, "document.too-large", "the document is larger than is read")
                file.write(piece)
            file.rollover()
            file.flush()
            try:
                outcome = await run_in_threadpool(
                    gate.check,
                    Source(name, descriptor=file.fileno()),
                    tenant=tenant(request),
                    redact=redact,
                )
            except UsageError as error:
                return _problem(_REFUSED, error.code, error.message)
            except (LedgerError, GuaritaError) as error:
                # What was not recorded, or could not be looked at, is not decided: try again.
                return _problem(_UNAVAILABLE, error.code, "no decision can be made now")
            return _redacted(outcome, file) if redact else _decision(outcome, 200)

    return made


def _redacted(outcome: Outcome, file: IO[bytes]) -> Response:
    headers = {DECISION: outcome.decision.value}
    if outcome.redacted is not None:
        return Response(outcome.redacted.data, media_type="application/octet-stream", headers=headers)
    if outcome.decision.strictness == 0:
        file.seek(0)
        return Response(file.read(), media_type="application/octet-stream", headers=headers)
    return _decision(outcome, _REFUSED)


def _decision(outcome: Outcome, status: int) -> Response:
    document: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(outcome, redacted=None))
    del document["redacted"]
    return Response(
        msgspec.json.encode({**document, "total": outcome.total}),
        status_code=status,
        media_type="application/json",
        headers={DECISION: outcome.decision.value},
    )


def _problem(status: int, code: str, message: str) -> Response:
    """RFC 9457, with our code as the type's last part."""
    return Response(
        msgspec.json.encode(
            {"type": f"about:blank#{code}", "title": message, "status": status, "code": code}
        ),
        status_code=status,
        media_type="application/problem+json",
    )
