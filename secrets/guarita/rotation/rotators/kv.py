"""A value that Guarita makes and keeps in Vault's KV engine; consumers share it, and no server knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import requests

from guarita.config.rotation_secrets import HttpProbeSection, KvSecret
from guarita.rotation.errors import NotYetError, ProbeFailedError, StillValidError, TransientError
from guarita.rotation.generate import generate
from guarita.rotation.interface import Credential, Fence, Problem, Proof, Randomness, Rotator
from guarita.rotation.parts import Parts
from guarita.rotation.templates import filled

_FEWEST_VERSIONS: Final = 2


class KvRotator(Rotator):
    """The ladder is that of KV's versions: delete, undelete, destroy. What consumers accept a probe can ask them."""

    kind = "kv"

    def __init__(self, name: str, section: KvSecret, parts: Parts) -> None:
        self._name = name
        self._section = section
        self._parts = parts
        self._place = section.vault

    def current(self, values: Mapping[str, str]) -> Credential | None:
        found = {name: str(values[name]) for name in self._section.fields if name in values}
        return self._credential("", found) if found else None

    def check(self, current: Credential | None) -> Sequence[Problem]:  # noqa: ARG002
        problems = []
        if self._section.probe is None:
            problems.append(
                Problem(
                    code="rotation.no-probe",
                    message=f"{self._name}: nothing asks whether consumers accept the new value and refuse the old one",
                    hint="`probe` names a request that does",
                    hinders=False,
                )
            )
        kept = self._parts.kv.max_versions(self._place)
        if kept and kept < _FEWEST_VERSIONS:
            problems.append(
                Problem(
                    code="rotation.versions-kept",
                    message=f"{self._place}: the engine keeps {kept} version, so that the old one ends at once",
                    hint="`bao kv metadata put -max-versions=10`",
                )
            )
        return problems

    def plan(self, rotation: str, current: Credential | None, randomness: Randomness) -> Credential:  # noqa: ARG002
        fields = self._section.fields.items()
        return self._credential(rotation, {name: generate(how, randomness) for name, how in fields})

    def create(self, new: Credential, fence: Fence) -> Credential:
        """Nobody has to be told: it is valid once consumers have it."""
        fence.hold()
        return new

    def probe(self, credential: Credential) -> Proof:
        if not credential.values or not all(credential.values.values()):
            raise ProbeFailedError("rotation.value-empty", f"{self._name}: the value is empty")
        return Proof(kind="value", facts={"fields": sorted(credential.values)})

    def served(self, new: Credential) -> Proof | None:
        probe = self._section.probe
        if probe is None:
            return None
        status = self._asked(probe, new)
        if status not in probe.ok:
            raise NotYetError(
                "rotation.not-accepted-yet",
                f"{self._name}: {probe.url} does not accept the new value yet (status {status})",
                delay=2.0,
            )
        return Proof(kind="http-accepted", facts={"url": probe.url, "status": status})

    def idle(self, old: Credential) -> Proof:
        """Nobody counts its uses; the engine has seen that no pod runs it."""
        return Proof(kind="not-counted", facts=dict(old.handle))

    def disable(self, old: Credential, fence: Fence) -> None:
        self._change("delete", old, fence)

    def enable(self, old: Credential, fence: Fence) -> None:
        self._change("undelete", old, fence)

    def refused(self, old: Credential) -> Proof:
        facts: dict[str, object] = dict(old.handle)
        if old.version is not None:
            if self._parts.kv.versions(self._place).get(old.version, False):
                raise StillValidError(
                    "rotation.still-readable", f"{self._place}: version {old.version} can still be read"
                )
            facts["version"] = old.version
        probe = self._section.probe
        if probe is not None and old.values:
            status = self._asked(probe, old)
            if status not in probe.refused:
                raise NotYetError(
                    "rotation.still-accepted",
                    f"{self._name}: {probe.url} answers the old value with status {status}",
                    hint="does every consumer take the new value, and only that?",
                )
            facts |= {"url": probe.url, "status": status}
        return Proof(kind="old-unreadable" if probe is None else "http-refused", facts=facts)

    def destroy(self, credential: Credential, fence: Fence) -> None:
        self._change("destroy", credential, fence)

    def _change(
        self, how: Literal["delete", "undelete", "destroy"], credential: Credential, fence: Fence
    ) -> None:
        fence.hold()
        if credential.version is not None:
            # Versions are written once: whoever comes late deletes what is gone already.
            self._parts.kv.change(self._place, how, [credential.version])

    def _credential(self, rotation: str, values: Mapping[str, str]) -> Credential:
        handle = {"place": self._place, "fields": ",".join(sorted(values))}
        return Credential(rotation=rotation, handle=handle, values=values)

    def _asked(self, probe: HttpProbeSection, credential: Credential) -> int:
        verify: bool | str = str(self._parts.folder / Path(probe.ca_file)) if probe.ca_file else True
        try:
            with requests.get(
                probe.url,
                headers={probe.header: filled(probe.value, credential.values)},
                timeout=probe.timeout_seconds,
                allow_redirects=False,
                verify=verify,
                stream=True,  # the status is all that is wanted
            ) as answer:
                return int(answer.status_code)
        except requests.RequestException as error:
            raise TransientError(
                "rotation.probe-unanswered",
                f"{self._name}: {probe.url} does not answer ({type(error).__name__})",
            ) from None


def build(name: str, section: KvSecret, parts: Parts) -> Rotator:
    """The rotator of a secret of this kind."""
    return KvRotator(name, section, parts)
