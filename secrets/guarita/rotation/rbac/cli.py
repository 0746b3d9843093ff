"""`guarita rotate rbac`: the least rights that the configuration needs, ready to be applied."""

from __future__ import annotations

from typing import Any, Final

import click

from guarita import config
from guarita.audit.locate import project
from guarita.cli import Context, command_options
from guarita.config.rotation import KubernetesLogin, RotationSection
from guarita.errors import ExitStatus, UsageError
from guarita.rotation.rbac.policy import grants, hcl
from guarita.rotation.rbac.roles import NAME, manifests
from guarita.rotation.sealed.manifest import as_yaml

ACCOUNT: Final = "guarita/guarita-rotation"


@click.command()
@click.option(
    "--only",
    type=click.Choice(["kubernetes", "vault"]),
    help="Roles alone, or the policy alone. [default: both]",
)
@click.option("--cluster", metavar="NAME", help="Roles of this one of `rotation.clusters`. [default: of all]")
@click.option(
    "--account",
    metavar="NAMESPACE/NAME",
    default=ACCOUNT,
    show_default=True,
    help="The ServiceAccount that the Roles are bound to.",
)
@command_options
def rbac(context: Context, /, *, only: str | None, cluster: str | None, account: str) -> ExitStatus:
    """Print the Roles and the Vault policy that the configuration needs: no more, and no less."""
    file = context.config or project() / config.FILE_NAME
    section = config.load(file).rotation
    if account.count("/") != 1:
        raise UsageError("rotation.account", f"{account}: not of the form NAMESPACE/NAME")
    if cluster is not None and cluster not in section.clusters:
        raise UsageError(
            "rotation.cluster", f"{cluster}: none of `rotation.clusters`", hint=", ".join(section.clusters)
        )
    names = [cluster] if cluster else list(section.clusters)
    roles = {name: manifests(section, name, account) for name in names} if only != "vault" else {}
    needed = grants(section) if only != "kubernetes" else ()
    if context.json:
        context.emit({"kubernetes": roles, "vault": [grant._asdict() for grant in needed]})
        return ExitStatus.PASSED
    click.echo("\n".join(_kubernetes(roles) + _vault(section, needed)), nl=False)
    return ExitStatus.PASSED


def _kubernetes(roles: dict[str, list[dict[str, Any]]]) -> list[str]:
    return [
        f"# cluster {name}: kubectl apply -f -\n{as_yaml(documents)}"
        for name, documents in roles.items()
        if documents
    ]


def _vault(section: RotationSection, needed: Any) -> list[str]:
    if not needed:
        return []
    login = section.vault.login
    lines = [f"# bao policy write {NAME} -"]
    if isinstance(login, KubernetesLogin):
        lines.append(
            f"# bao write auth/{login.mount}/role/{login.role} token_policies={NAME} audience={login.audience} \\\n"
            f"#   bound_service_account_names=… bound_service_account_namespaces=… token_ttl=1h"
        )
    return ["\n".join([*lines, hcl(needed)])]
