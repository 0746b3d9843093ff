"""Keys of Vault's transit engine: rotate, rewrap, raise `min_decryption_version`, soak, trim.

Rotating is not idempotent, so the version wanted is planned, and the key is rotated only while it is older. A second
rotation by a runner that was late adds a version that harms nobody. A version cannot be taken back: rolling back
leaves it, and the old one in force beside it.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from guarita.config.rotation_engines import TransitSecret
from guarita.rotation.errors import (
    DriftError,
    NotYetError,
    PermanentError,
    ProbeFailedError,
    RotationConfigError,
    StillInUseError,
    StillValidError,
    TransientError,
)
from guarita.rotation.interface import ADOPTED, Credential, Fence, Problem, Proof, Randomness, Rotator
from guarita.rotation.parts import Parts
from guarita.rotation.vault import CasMissError
from guarita.rotation.vault.client import VaultRefusedError

_ATTEMPTS: Final = 8
"""At a field that others keep writing."""
_PREFIX: Final = "vault:v"


def build(name: str, section: TransitSecret, parts: Parts) -> Rotator:
    """The rotator of one transit key."""
    return TransitRotator(name, section, parts)


class TransitRotator(Rotator):
    """One key. A credential is one of its versions; its `material` holds a ciphertext that proves it is refused."""

    kind: ClassVar[str] = "transit"

    def __init__(self, name: str, section: TransitSecret, parts: Parts) -> None:
        self._name = name
        self._section = section
        self._parts = parts
        self._vault = parts.vault
        self._place = f"{section.mount}/{section.key}"

    def current(self, values: Mapping[str, str]) -> Credential | None:  # noqa: ARG002  # nothing is published
        told = self._read()
        if told is None:
            return None
        latest = int(told["latest_version"])
        return self._version(ADOPTED, latest, told, canary=self._canary(latest))

    def check(self, current: Credential | None) -> Sequence[Problem]:
        if current is None:
            hint = f"bao write -f {self._section.mount}/keys/{self._section.key}"
            return [Problem(code="transit.no-key", message=f"{self._place}: there is no such key", hint=hint)]
        told = self._must()
        found = []
        if not told.get("supports_encryption"):
            found.append(
                Problem(
                    code="transit.not-for-encryption",
                    message=f"{self._place}: a key of type {told.get('type')} does not encrypt",
                    hint="signing keys are rotated by who publishes their public halves: type `jwt`",
                )
            )
        if told.get("derived"):
            found.append(
                Problem(
                    code="transit.derived",
                    message=f"{self._place}: each ciphertext of a derived key needs its context, which only you know",
                    hint="rotate it by a program of your own",
                )
            )
        if told.get("auto_rotate_period"):
            found.append(
                Problem(
                    code="transit.auto-rotate",
                    message=f"{self._place}: Vault rotates it by itself too, without rewrapping",
                    hint="set auto_rotate_period to 0",
                    hinders=False,
                )
            )
        if not self._section.rewrap.fields and self._section.rewrap.command is None:
            found.append(
                Problem(
                    code="transit.no-places",
                    message=f"{self._place}: no place of ciphertexts is declared, so nothing proves that none is old",
                    hint="name `rewrap.fields` or `rewrap.command`",
                )
            )
        return found

    def plan(self, rotation: str, current: Credential | None, randomness: Randomness) -> Credential:  # noqa: ARG002
        following = 1 if current is None else _number(current) + 1
        return Credential(rotation=rotation, handle={"key": self._place, "version": str(following)})

    def create(self, new: Credential, fence: Fence) -> Credential:
        told = self._must()
        if int(told["latest_version"]) < _number(new):
            fence.hold()
            self._vault.write(f"{self._section.mount}/keys/{self._section.key}/rotate")
            told = self._must()
        latest = int(told["latest_version"])
        made = self._version(new.rotation, latest, told, canary=self._canary(latest))
        self._rewrap(latest, fence)
        return made

    def probe(self, credential: Credential) -> Proof:
        version = _number(credential)
        plain = base64.b64encode(self._parts.randomness(32)).decode()
        try:
            sealed = self._encrypt(plain)
            opened = self._decrypt(sealed)
        except VaultRefusedError:
            raise ProbeFailedError(
                "transit.probe", f"{self._place}: version {version} does not encrypt and decrypt"
            ) from None
        if opened != plain or _version_of(sealed) < version:
            raise ProbeFailedError(
                "transit.probe", f"{self._place}: encrypts by version {_version_of(sealed)}, not {version}"
            )
        if self._opens(_damaged(sealed)):
            raise ProbeFailedError("transit.probe", f"{self._place}: opens a ciphertext that was changed")
        return Proof(kind="key-version", facts={"key": self._place, "version": _version_of(sealed)})

    def idle(self, old: Credential) -> Proof:
        above = _number(old)
        if left := self._newest(old):
            return left
        older = [place for place in self._section.rewrap.fields if self._age_at(place) <= above]
        if older:
            raise StillInUseError(
                "transit.old-ciphertexts",
                f"{self._place}: {len(older)} fields hold ciphertexts of version {above} or older",
                users=older,
                hint="who writes there must not name a `key_version`",
            )
        facts: dict[str, Any] = {"key": self._place, "fields": len(self._section.rewrap.fields)}
        if self._section.rewrap.command is not None:
            facts["command"] = self._run("check", above + 1)
            if facts["command"] != 0:
                raise StillInUseError(
                    "transit.old-ciphertexts",
                    f"{self._place}: `rewrap.command` still finds ciphertexts of version {above} or older",
                    users=("rewrap.command",),
                    delay=60.0,
                )
        return Proof(kind="rewrapped", facts=facts)

    def disable(self, old: Credential, fence: Fence) -> None:
        above = _number(old) + 1
        told = self._must()
        # Never lowered here: a runner that is late asks for less than there is.
        config = {
            name: above
            for name in ("min_decryption_version", "min_encryption_version")
            if int(told[name]) < above
        }
        if config and above <= int(told["latest_version"]):
            fence.hold()
            self._vault.write(f"{self._section.mount}/keys/{self._section.key}/config", config)

    def enable(self, old: Credential, fence: Fence) -> None:
        version = _number(old)
        told = self._must()
        if int(told["min_available_version"]) > version:
            raise PermanentError(
                "transit.trimmed",
                f"{self._place}: version {version} was destroyed",
                hint="a backup of Vault has it",
            )
        if int(told["min_decryption_version"]) > version:
            fence.hold()
            body = {"min_decryption_version": version}
            self._vault.write(f"{self._section.mount}/keys/{self._section.key}/config", body)

    def refused(self, old: Credential) -> Proof:
        if left := self._newest(old):
            return left
        version = _number(old)
        told = self._must()
        least = int(told["min_decryption_version"])
        canary = old.material.get("canary")
        opens = canary is not None and self._opens(canary)
        if least <= version or opens:
            raise StillValidError("transit.still-valid", f"{self._place}: version {version} still decrypts")
        if not self._opens(self._encrypt("")):
            raise NotYetError(
                "transit.unproven", f"{self._place}: decrypts nothing now, so a refusal says nothing"
            )
        return Proof(
            kind="decrypt-refused",
            facts={"key": self._place, "version": version, "min": least, "ciphertext": canary is not None},
        )

    def destroy(self, credential: Credential, fence: Fence) -> None:
        above = _number(credential) + 1
        told = self._must()
        latest, gone = int(told["latest_version"]), int(told["min_available_version"])
        if not self._section.trim or above > latest or gone >= above:
            return  # the newest version cannot be destroyed: a rotation that was rolled back leaves it
        if int(told["min_decryption_version"]) < above or int(told["min_encryption_version"]) < above:
            return  # it was not disabled, so it may be in use
        self.idle(credential)
        fence.hold()
        body = {"min_available_version": above}
        self._vault.write(f"{self._section.mount}/keys/{self._section.key}/trim", body)

    def sweep(self, keep: Sequence[Credential], fence: Fence) -> Sequence[str]:
        """Raise what a late `enable` or `disable` of ours may have lowered."""
        if not keep:
            return ()
        oldest = min(_number(credential) for credential in keep)
        told = self._must()
        least = int(told["min_decryption_version"])
        # Only where rotations of ours have raised it before: the first one says from when old versions go.
        if least >= oldest or int(told["min_encryption_version"]) == 0:
            return ()
        fence.hold()
        config = {"min_decryption_version": oldest}
        if int(told["min_encryption_version"]) < oldest:
            config["min_encryption_version"] = oldest
        self._vault.write(f"{self._section.mount}/keys/{self._section.key}/config", config)
        return (f"{self._place}: versions {least} to {oldest - 1}",)

    def _newest(self, credential: Credential) -> Proof | None:
        """What is said of a version that a rolled-back rotation leaves: the newest of a key cannot be ended."""
        version, latest = _number(credential), int(self._must()["latest_version"])
        if version < latest:
            return None
        return Proof(kind="left", facts={"key": self._place, "version": version, "latest": latest})

    def _read(self) -> dict[str, Any] | None:
        return self._vault.read(f"{self._section.mount}/keys/{self._section.key}")

    def _must(self) -> dict[str, Any]:
        told = self._read()
        if told is None:
            raise DriftError("transit.no-key", f"{self._place}: there is no such key any more")
        return told

    def _version(self, rotation: str, version: int, told: Mapping[str, Any], *, canary: str) -> Credential:
        made = told["keys"].get(str(version))
        return Credential(
            rotation=rotation,
            handle={"key": self._place, "version": str(version)},
            material={"canary": canary},
            created=float(made) if isinstance(made, int | float) else None,
        )

    def _canary(self, version: int) -> str:
        """A ciphertext of nothing, to be refused later."""
        try:
            return self._encrypt("", version)
        except VaultRefusedError:
            return ""  # a key that does not encrypt: `check` says so

    def _encrypt(self, plain: str, version: int = 0) -> str:
        body = {"plaintext": plain, **({"key_version": version} if version else {})}
        answer = self._vault.write(f"{self._section.mount}/encrypt/{self._section.key}", body)
        return str(answer["ciphertext"])

    def _decrypt(self, sealed: str) -> str:
        body = {"ciphertext": sealed}
        return str(self._vault.write(f"{self._section.mount}/decrypt/{self._section.key}", body)["plaintext"])

    def _opens(self, sealed: str) -> bool:
        try:
            self._decrypt(sealed)
        except VaultRefusedError:
            return False
        return True

    def _rewrap(self, version: int, fence: Fence) -> None:
        for place in self._section.rewrap.fields:
            self._rewrap_field(place, version, fence)
        if self._section.rewrap.command is not None:
            fence.hold()
            if status := self._run("rewrap", version):
                raise TransientError(
                    "transit.rewrap-failed",
                    f"{self._place}: `rewrap.command` ended with status {status}",
                    hint="run it by hand: `COMMAND rewrap KEY VERSION`",
                    delay=300.0,
                )

    def _rewrap_field(self, place: str, version: int, fence: Fence) -> None:
        where, _, name = place.rpartition("#")
        for _ in range(_ATTEMPTS):
            entry = self._parts.kv.get(where)
            if entry is None or entry.data is None:
                return
            sealed = _ciphertext(entry.data.get(name), place)
            if _version_of(sealed) >= version:
                return
            fence.hold()
            body = {"ciphertext": sealed}
            answer = self._vault.write(f"{self._section.mount}/rewrap/{self._section.key}", body)
            try:
                data = {**entry.data, name: answer["ciphertext"]}
                self._parts.kv.put(where, data, cas=entry.version)
            except CasMissError:
                continue  # somebody wrote there: what he wrote is looked at
            return
        raise TransientError("transit.rewrap-failed", f"{place}: others keep writing there")

    def _age_at(self, place: str) -> int:
        """The version of the ciphertext there; one that is nowhere needs no key."""
        where, _, name = place.rpartition("#")
        entry = self._parts.kv.get(where)
        if entry is None or entry.data is None:
            return int(self._must()["latest_version"])
        return _version_of(_ciphertext(entry.data.get(name), place))

    def _run(self, word: str, version: int) -> int:
        command = [*(self._section.rewrap.command or ()), word, self._place, str(version)]
        try:
            done = subprocess.run(
                command,
                cwd=self._parts.folder,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self._section.rewrap.timeout_seconds,
            )
        except subprocess.TimeoutExpired:
            raise TransientError(
                "transit.rewrap-slow",
                f"{self._place}: `rewrap.command {word}` took longer than "
                f"{self._section.rewrap.timeout_seconds:g} s and was ended",
                delay=300.0,
            ) from None
        except OSError as error:
            raise RotationConfigError(
                "transit.rewrap-command", f"{self._place}: `rewrap.command` cannot be run: {error.strerror}"
            ) from None
        if word == "check" and done.returncode not in {0, 1}:
            raise TransientError(
                "transit.rewrap-failed",
                f"{self._place}: `rewrap.command check` ended with status {done.returncode}",
                hint="0 says that nothing older is left, 1 that there is",
                delay=300.0,
            )
        return done.returncode


def _number(credential: Credential) -> int:
    return int(credential.handle["version"])


def _ciphertext(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value.startswith(_PREFIX):
        raise RotationConfigError("transit.no-ciphertext", f"vault {place}: holds no ciphertext of transit")
    return value


def _version_of(sealed: str) -> int:
    number = sealed.removeprefix(_PREFIX).partition(":")[0]
    return int(number) if number.isdecimal() else 0


def _damaged(sealed: str) -> str:
    head, _, body = sealed.rpartition(":")
    raw = bytearray(base64.b64decode(body))
    raw[-1] ^= 1
    return f"{head}:{base64.b64encode(raw).decode()}"
