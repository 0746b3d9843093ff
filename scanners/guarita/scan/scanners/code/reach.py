"""Which of bandit's checks of calls can say anything about a call, told by its name and the names of its keywords.

bandit asks each of its 33 checks about every call; nearly all of them look at the name first and say nothing. What each
looks at was read in bandit's source, so the table holds for the releases that are named here and for bandit's own
checks alone: any other release, and any other check, is asked about everything.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import bandit

RELEASES: Final = frozenset({"1.9.4"})
NAMES: Final = 10_000
"""Names whose checks are kept."""
Told = Callable[[str, str], bool]
"""Whether a check may report a call of this qualified name and this last name, whatever its arguments."""

_HTTP: Final = ("requests", "httpx")
_SNMP: Final = ("CommunityData", "UsmUserData")
_HUGGING_FACE: Final = ("from_pretrained", "load_dataset", "hf_hub_download", "snapshot_download")
_MARKED_SAFE: Final = ("mark_safe", "SafeText", "SafeUnicode", "SafeString", "SafeBytes")
_IMPORTERS: Final = ("importlib.import_module", "importlib.__import__")
_ARGUMENTS: Final = frozenset(
    {
        "any_other_function_with_shell_equals_true",
        "hardcoded_password_funcarg",
        "ssl_with_bad_version",
        "start_process_with_partial_path",
    }
)
"""Checks that look at arguments whatever is called."""
_NESTING: Final = (ast.Set, ast.List, ast.Tuple)
"""What bandit turns into values, which can fail: a set in a file that no interpreter could build."""


def _last(*names: str) -> Told:
    return lambda _, name: name in names


def _first(*names: str) -> Told:
    return lambda qualified, _: qualified.partition(".")[0] in names


def _among(*names: str) -> Told:
    return lambda qualified, _: not set(names).isdisjoint(qualified.split("."))


def _whole(names: Collection[str]) -> Told:
    return lambda qualified, _: qualified in names


def _table(tests: Sequence[Any]) -> dict[str, Told]:
    """By a check's name; `tests` carry the lists that some of them were configured with."""
    configured = {test.__name__: getattr(test, "_config", None) for test in tests}
    shell = configured.get("start_process_with_a_shell") or {}
    markup = configured.get("markupsafe_markup_xss") or {}
    subprocess, started, direct = (shell.get(key, ()) for key in ("subprocess", "shell", "no_shell"))
    listed = (configured.get("blacklist") or {}).get("Call", ())
    return {
        "blacklist": _whole({*_IMPORTERS, *(q for row in listed for q in row["qualnames"])}),
        "django_extra_used": _last("extra"),
        "django_mark_safe": _last(*_MARKED_SAFE),
        "django_rawsql_used": _last("RawSQL"),
        "exec_used": _last("exec"),
        "flask_debug_true": _last("run"),
        "hashlib": _among("hashlib", "crypt"),
        "huggingface_unsafe_download": _last(*_HUGGING_FACE),
        "jinja2_autoescape_false": _last("Environment"),
        "linux_commands_wildcard_injection": _whole({*started, *subprocess}),
        "logging_config_insecure_listen": _last("listen"),
        "markupsafe_markup_xss": _whole(
            {"markupsafe.Markup", "flask.Markup", *markup.get("extend_markup_names", ())}
        ),
        "paramiko_calls": _last("exec_command"),
        "pytorch_load": _last("load"),
        "request_with_no_cert_validation": _first(*_HTTP),
        "request_without_timeout": _first(*_HTTP),
        "set_bad_file_permissions": lambda _, name: "chmod" in name,
        "snmp_crypto_check": _last(*_SNMP),
        "snmp_insecure_version_check": _last(*_SNMP),
        "ssh_no_host_key_verification": _last("set_missing_host_key_policy"),
        "ssl_with_no_version": _last("wrap_socket"),
        "start_process_with_a_shell": _whole(set(started)),
        "start_process_with_no_shell": _whole(set(direct)),
        "subprocess_popen_with_shell_equals_true": _whole(set(subprocess)),
        "subprocess_without_shell_equals_true": _whole(set(subprocess)),
        "tarfile_unsafe_members": lambda _, name: "extractall" in name,
        "use_of_mako_templates": _last("Template"),
        "weak_cryptographic_key": _last("generate", "generate_private_key"),
        "yaml_load": _last("load"),
        # Of these what they look for by name; they look at arguments too, whatever is called.
        "any_other_function_with_shell_equals_true": _whole(()),
        "hardcoded_password_funcarg": _whole(()),
        "ssl_with_bad_version": _whole({"ssl.wrap_socket", "pyOpenSSL.SSL.Context"}),
        "start_process_with_partial_path": _whole({*subprocess, *started, *direct}),
    }


class Reach:
    """The checks of calls that have to be asked, of all that there are."""

    def __init__(self, tests: Sequence[Any]) -> None:
        self.known = bandit.__version__ in RELEASES
        """Whether bandit is one that was read."""
        self._tests = tests
        self._told = _table(tests) if self.known else {}
        self._asked = functools.lru_cache(NAMES)(self._choose)

    def of(self, call: ast.Call, qualified: str) -> Sequence[Any]:
        """The checks that may report this call, or fail at it, in bandit's order."""
        if isinstance(call.func, ast.Name) and call.func.id == "__import__":
            return self._tests  # whatever that name was given to
        nested = bool(call.keywords) or any(isinstance(argument, _NESTING) for argument in call.args)
        return self._asked(qualified, nested)

    def _choose(self, qualified: str, nested: bool) -> Sequence[Any]:  # of a cached function
        return [
            test
            for test in self._tests
            if (nested and test.__name__ in _ARGUMENTS) or self._may(test, qualified)
        ]

    def _may(self, test: Any, qualified: str) -> bool:
        told = self._told.get(test.__name__) if test.__module__.startswith("bandit.") else None
        return told is None or told(qualified, qualified.rpartition(".")[2])
