"""`guarita gateway serve`: the forward-auth server."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import click

from guarita import config
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, MissingExtraError, UsageError
from guarita.gateway.core import Gateway

GRACE: Final = 30
"""Seconds that requests have to end in after SIGTERM."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=9000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--uds", type=click.Path(path_type=Path), help="A Unix socket to listen on instead.")
@command_options
def serve(context: Context, host: str, port: int, uds: Path | None) -> ExitStatus:
    """Answer nginx (auth_request), Traefik (ForwardAuth) and Envoy (ext_authz over HTTP).

    It decides by the section `gateway` of guarita.yaml, and takes a changed policy up by itself.
    """
    try:
        import uvicorn  # noqa: PLC0415  # only the server needs it
    except ModuleNotFoundError as error:
        raise MissingExtraError("gateway-serve", "uvicorn") from error
    from guarita.gateway.forward import ForwardAuth  # noqa: PLC0415
    from guarita.gateway.metrics.serving import serving  # noqa: PLC0415

    file = context.config or Path(config.FILE_NAME)
    gateway = Gateway.from_file(file)
    metrics = config.load(file).gateway.metrics
    if uds is not None and not gateway.proxies.trusts(""):
        raise UsageError(
            "gateway.uds",
            f"{file}: nobody who reaches a Unix socket is a declared proxy, so each request would be refused",
            hint="gateway.proxies: [unix]",
        )
    place = str(uds) if uds else f"{host}:{port}"
    context.note(f"answering on {place}: /nginx, /traefik, /envoy, /healthz")
    with contextlib.ExitStack() as beside:
        if metrics is not None and metrics.port is not None:
            beside.enter_context(serving(metrics.host, metrics.port))
            context.note(f"metrics on {metrics.host}:{metrics.port}")
        uvicorn.run(
            ForwardAuth(gateway),
            host=host,
            port=port,
            uds=str(uds) if uds else None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            # The peer's own address decides who may ask; what it says about clients is read by us.
            proxy_headers=False,
        )
    return ExitStatus.PASSED
