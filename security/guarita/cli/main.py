"""The `guarita` command: groups found by entry point, errors shown in a line, exit status."""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click
import msgspec

from guarita.errors import ExitStatus, GuaritaError

PROFILE = "GUARITA_PROFILE"
"""The variable by which guarita.config knows the profile in force."""

# Help in a line, here, so that `guarita --help` imports no part. A command from elsewhere shows its package.
SUMMARIES = {
    "audit": "Read, verify and prove the audit ledger.",
    "chart": "Write the Helm chart and the ArgoCD Application that come with the package.",
    "detect": "Detect attacks in the ledger, and tell who must know.",
    "doctor": "Check what Guarita stands on, and say what to do.",
    "gateway": "Decide who may call what: policy, keys, revocation.",
    "init": "Write a starting guarita.yaml that fits the tree.",
    "pii": "Find personal data in documents, and handle it by policy.",
    "policy": "Ask what another policy, or another day, would make of verdicts.",
    "rotate": "Rotate secrets without a failed login: plan, run, status, resume, rollback.",
    "scan": "Scan a tree, judge it by one policy, pass or fail.",
    "seal": "Seal Secrets so that they may stand in Git.",
    "tools": "Make and list the environments of tools that run beside guarita.",
    "unseal": "Open SealedSecrets offline, with a private key.",
}

EXTRAS = {
    "detect": "alerts,detection",
    "gateway": "gateway",
    "init": "scan",
    "pii": "pii",
    "policy": "scan",
    "rotate": "rotation",
    "scan": "scan",
    "seal": "rotation",
    "tools": "scan",
    "unseal": "rotation",
}
"""What to install for a command of ours whose packages are missing."""


class CommandGroup(click.Group):
    """The commands registered under the entry-point group `guarita.commands`, imported when called."""

    def _entries(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group="guarita.commands")}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._entries()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._entries().get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        command = entry.load()
        if not isinstance(command, click.Command):
            raise GuaritaError("cli.not-a-command", f"the entry point {entry.value!r} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        entries = self._entries()
        rows = [(name, SUMMARIES.get(name) or _origin(entries.get(name))) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _origin(entry: EntryPoint | None) -> str:
    return f"From the package {entry.dist.name}." if entry and entry.dist else ""


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="guarita", prog_name="guarita")
@click.option(
    "--profile",
    metavar="NAME",
    help=f"Which of guarita.yaml's profiles holds. [default: ${PROFILE}]",
    expose_value=False,
    is_eager=True,
    callback=lambda _context, _option, name: _hold(name),
)
def cli() -> None:
    """Guarita: four doors, and one record that nobody can quietly change.

    Exit status: 0 passed, 1 the gate, the proof or the policy says no, 2 the call or the configuration is
    wrong, 3 something could not run, so the answer is unknown.
    """


def _hold(profile: str | None) -> None:
    # Into the environment, since processes that a command starts read the same configuration.
    if profile:
        os.environ[PROFILE] = profile


def show_error(error: GuaritaError, *, as_json: bool) -> None:
    """Say on stderr what happened and what to do; as one JSON object where machines asked for it."""
    if as_json:
        document: dict[str, Any] = {
            "error": {"code": error.code, "message": error.message, "hint": error.hint}
        }
        click.echo(msgspec.json.encode(document), err=True)
        return
    colour = {} if os.environ.get("NO_COLOR") else {"fg": "red", "bold": True}
    click.echo(click.style("error: ", **colour) + error.message, err=True)  # type: ignore[arg-type]
    if error.hint:
        click.echo(f"  → {error.hint}", err=True)


def run(arguments: list[str]) -> int:
    """Run the command line and give its exit status. No traceback reaches a user."""
    as_json = "--json" in arguments
    try:
        answer = cli.main(args=arguments, standalone_mode=False)
    except GuaritaError as error:
        show_error(error, as_json=as_json)
        return error.exit_status
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return ExitStatus.USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: nothing was judged", err=True)
        return 130
    except ModuleNotFoundError as error:
        if (error.name or "guarita").split(".")[0] == "guarita":
            raise
        missing = GuaritaError(
            "cli.missing-package",
            f"the package {error.name!r} is not installed",
            hint=f"pip install 'guarita[{_extra_for(arguments)}]'",
        )
        show_error(missing, as_json=as_json)
        return ExitStatus.USAGE
    except BrokenPipeError:
        # The reader left (`guarita audit query | head`): the convention is to end quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:  # the outermost boundary: a person gets a line, never a traceback
        if os.environ.get("GUARITA_DEBUG"):
            raise
        unexpected = GuaritaError(
            "cli.internal",
            f"an internal error ({type(error).__name__}); the answer is unknown",
            hint="run again with GUARITA_DEBUG=1 for the details, and report them",
        )
        show_error(unexpected, as_json=as_json)
        return ExitStatus.UNKNOWN
    return int(answer) if isinstance(answer, int) else ExitStatus.PASSED


def _extra_for(arguments: list[str]) -> str:
    return next((EXTRAS[word] for word in arguments if word in EXTRAS), "all")


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))
