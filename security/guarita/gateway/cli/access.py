"""`guarita gateway explain`, `test` and `routes`: the access policy, asked and held against what there is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table
from rich.text import Text

from guarita import config
from guarita.audit.locate import project
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError
from guarita.gateway.endpoints import endpoints
from guarita.gateway.imported import imported
from guarita.gateway.paths import canonical
from guarita.gateway.refusal import RefusalError
from guarita.policy.access import (
    AccessPolicy,
    Endpoint,
    PrincipalData,
    cases,
    idle,
    load,
    matrix,
    uncovered,
)
from guarita.policy.access.explain import Explanation
from guarita.policy.access.explain import explain as explained

_STYLES = {"yes": "green", "public": "cyan", "any": "cyan", "owner": "yellow", "denied": "red", "no": "dim"}


def configured(context: Context) -> AccessPolicy:
    """The policy of `--config`, or of the project's guarita.yaml."""
    file = context.config or project() / config.FILE_NAME
    here = Path.cwd()
    return load(file.relative_to(here) if file.is_relative_to(here) else file)


@click.command()
@click.argument("method")
@click.argument("path")
@click.option("--subject", metavar="NAME", default="", help="Who asks. Nobody, where this is left out.")
@click.option("--issuer", metavar="ISSUER", default="", help="Who vouches: a token's issuer, or api-key.")
@click.option("--scope", metavar="SCOPE", multiple=True, help="A scope of the credential. Repeatable.")
@click.option("--role", metavar="ROLE", multiple=True, help="A role that the credential names. Repeatable.")
@click.option(
    "--claim",
    metavar="NAME=VALUE",
    multiple=True,
    help="A claim; VALUE is JSON where it reads as such, else text. NAME may be a path: a.b. Repeatable.",
)
@command_options
def explain(
    context: Context,
    /,
    *,
    method: str,
    path: str,
    subject: str,
    issuer: str,
    scope: tuple[str, ...],
    role: tuple[str, ...],
    claim: tuple[str, ...],
) -> ExitStatus:
    """Say whether a request would be let through, and which line of the policy says so.

    On a refusal it names the nearest miss: the role or binding that would have been enough, the deny that
    stands in the way, or the rule that nearly matches. Exit status 0 when it is let through, 1 when not.
    """
    if (issuer or scope or role or claim) and not subject:
        raise UsageError("access.principal", "a principal without a subject is nobody", hint="--subject NAME")
    principal = PrincipalData(
        subject=subject, issuer=issuer, scopes=frozenset(scope), roles=frozenset(role), claims=_claims(claim)
    )
    policy = configured(context)
    try:
        explanation = explained(policy, principal, method, canonical(path.encode()))
    except RefusalError as refusal:
        # Refused before any rule is asked.
        if context.json:
            context.emit({"decision": {"allowed": False, "code": refusal.code}})
        else:
            context.out.print(f"{method} {path}: refused ({refusal.code}): {refusal.message}", markup=False)
        return ExitStatus.REFUSED
    if context.json:
        context.emit(explanation)
    else:
        for line in _lines(explanation):
            context.out.print(line, markup=False, soft_wrap=True)
    return ExitStatus.PASSED if explanation.decision.allowed else ExitStatus.REFUSED


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@command_options
def test(context: Context, /, *, file: Path) -> ExitStatus:
    """Run policy tests: who asks for what, and what must come of it.

    Exit status 0 when every test comes out as expected, 1 when one does not. Rules that no test touches are
    named beside the answer.
    """
    policy = configured(context)
    ran = cases.load(file).run(policy)
    failed = [one for one in ran if not one.passed]
    if context.json:
        untested = cases.untested(policy, ran)
        context.emit({"tests": ran, "failed": len(failed), "untested": untested, "policy": policy.digest})
        return ExitStatus.REFUSED if failed else ExitStatus.PASSED
    for one in failed:
        where = f" by {one.decision.rule} ({one.decision.place})" if one.decision.rule else ""
        context.out.print(
            f"{one.place}: {one.name}: {one.request}: expected {one.expected}, got {one.decision.code}{where}",
            markup=False,
            soft_wrap=True,
        )
        if one.decision.nearest is not None:
            context.out.print(f"  nearest: {one.decision.nearest.text}", markup=False, soft_wrap=True)
    for rule in cases.untested(policy, ran):
        context.note(f"no test touches {rule}")
    count = f"{len(ran)} {'test' if len(ran) == 1 else 'tests'}"
    context.out.print(f"{count}: {f'{len(failed)} failed' if failed else 'all as expected'}")
    return ExitStatus.REFUSED if failed else ExitStatus.PASSED


@click.command()
@click.argument("app", required=False)
@click.option("--role", metavar="ROLE", multiple=True, help="Only this role's column. Repeatable.")
@command_options
def routes(context: Context, /, *, app: str | None, role: tuple[str, ...]) -> ExitStatus:
    """Print what each role may do by each rule; with APP, fail on a route that no rule covers.

    APP is MODULE:ATTRIBUTE of a Starlette or FastAPI application, as for uvicorn; it is imported. A route is
    covered when one rule decides about every path that it answers. Exit status 1 when one is not.
    """
    policy = configured(context)
    if missing := set(role) - policy.roles.roles.keys():
        raise UsageError("access.unknown-role", f"there is no role {', '.join(sorted(missing))}")
    shown = role or tuple(policy.roles.roles)
    left = uncovered(policy, endpoints(imported(app))) if app else ()
    if context.json:
        context.emit(
            {"rules": matrix(policy), "uncovered": left, "idle": idle(policy), "policy": policy.digest}
        )
    else:
        context.out.print(_table(policy, shown))
        for note in idle(policy):
            context.note(note)
        _say_uncovered(context, left)
    return ExitStatus.REFUSED if left else ExitStatus.PASSED


def _say_uncovered(context: Context, left: Iterable[Endpoint]) -> None:
    for endpoint in left:
        context.out.print(
            f"no rule covers {endpoint.method} {endpoint.path}", markup=False, soft_wrap=True, style="red"
        )


def _table(policy: AccessPolicy, shown: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("Rule", overflow="fold")
    table.add_column("Asks for", overflow="fold")
    for name in shown:
        table.add_column(name, overflow="fold")
    for row in matrix(policy):
        cells = (Text(row.cells[name], style=_STYLES[row.cells[name]]) for name in shown)
        table.add_row(Text(row.rule), Text(" ".join(row.permissions)), *cells)
    return table


def _lines(explanation: Explanation) -> Iterable[str]:
    decision = explanation.decision
    verdict = "let through" if decision.allowed else "refused"
    yield f"{explanation.method} {explanation.path}: {verdict} ({decision.code})"
    yield f"  rule        {f'{decision.rule} ({decision.place})' if decision.rule else 'none'}"
    for other in explanation.less_specific:
        yield f"              less specific: {other}"
    for held in explanation.held:
        yield f"  role        {held.role}, by the binding at {held.binding}"
    if explanation.inherited:
        yield f"  inherits    {', '.join(explanation.inherited)}"
    for asked in explanation.asked:
        by = f" by {asked.role}: {asked.pattern} ({asked.place})" if asked.role else ""
        yield f"  permission  {asked.permission}: {asked.answer}{by}"
    for owned in explanation.owners:
        yield f"  owner       {owned.condition}: {'holds' if owned.holds else 'does not hold'} ({owned.place})"
    if decision.nearest is not None:
        yield f"  nearest     {decision.nearest.text}"
    for unmet in explanation.unmet:
        yield f"              {unmet.binding} still asks for: {', '.join(unmet.conditions)}"
    yield f"  policy      sha256:{explanation.policy}"


def _claims(given: tuple[str, ...]) -> dict[str, Any]:
    claims: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or not all(name.split(".")):
            raise UsageError("access.claim", f"{name!r} is no claim", hint="--claim NAME=VALUE")
        try:
            value = msgspec.json.decode(text)
        except msgspec.DecodeError:
            value = text
        *outer, last = [name] if "://" in name else name.split(".")
        here = claims
        for step in outer:
            here = here.setdefault(step, {})
            if not isinstance(here, dict):
                raise UsageError("access.claim", f"{step!r} in {name!r} is given as a value too")
        here[last] = value
    return claims
