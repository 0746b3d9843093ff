"""Certificates of Vault's PKI engine: `sign` for a key of our own, never `issue`, whose lost answer loses the key.

Signing is not idempotent either, but a certificate that was signed and lost is found by its public key, in the engine's
list, and taken. A certificate cannot be disabled and enabled again: the ladder is that nobody serves it, the soak, and
the revocation. A late call revokes by a serial number, so nothing but what it meant.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from guarita.config.rotation_engines import PkiSecret
from guarita.rotation.errors import (
    DriftError,
    FencedOutError,
    NotYetError,
    PermanentError,
    ProbeFailedError,
    StillInUseError,
    TransientError,
)
from guarita.rotation.interface import ADOPTED, Credential, Fence, Problem, Proof, Randomness, Rotator
from guarita.rotation.parts import Parts
from guarita.rotation.rotators.keymaking import PrivateKey, pem
from guarita.rotation.rotators.pki import certificates as tls
from guarita.rotation.vault.client import VaultRefusedError

_PAGE: Final = 500
_MOST: Final = 2_000
"""Certificates that are read one by one where the engine does not list their names."""
_SLACK: Final = 3_600
"""Seconds by which a certificate may end earlier than asked for."""


def build(name: str, section: PkiSecret, parts: Parts) -> Rotator:
    """The rotator of one certificate."""
    return PkiRotator(name, section, parts)


class PkiRotator(Rotator):
    """Consumers get the chain, the key and the authority, by default as a TLS Secret has them."""

    kind: ClassVar[str] = "pki"

    def __init__(self, name: str, section: PkiSecret, parts: Parts) -> None:
        self._name = name
        self._section = section
        self._parts = parts
        self._vault = parts.vault
        self._names = [section.common_name, *(n for n in section.alt_names if n != section.common_name)]

    def current(self, values: Mapping[str, str]) -> Credential | None:
        chain, key = values.get(self._section.certificate_field), values.get(self._section.key_field)
        if chain is None or key is None:
            return None
        try:
            certificate = tls.must_belong(chain, key)
        except tls.CertificateError as error:
            raise DriftError("pki.unreadable", f"{self._section.vault}: {error}") from None
        return Credential(
            rotation=ADOPTED,
            handle=_handle(certificate),
            values=dict(values),
            created=certificate.not_valid_before_utc.timestamp(),
        )

    def check(self, current: Credential | None) -> Sequence[Problem]:  # noqa: ARG002
        role = self._vault.read(f"{self._section.mount}/roles/{self._section.role}")
        place = f"{self._section.mount}/{self._section.role}"
        if role is None:
            return [Problem(code="pki.no-role", message=f"{place}: there is no such role")]
        found = []
        most = int(role.get("max_ttl") or 0)
        if most and most < self._section.ttl_seconds:
            found.append(
                Problem(
                    code="pki.short-life",
                    message=f"{place}: signs for {most} s at most, and {self._section.ttl_seconds} s are needed",
                    hint="raise max_ttl of the role, or lower max_age_days or ttl_days",
                )
            )
        if role.get("no_store"):
            found.append(
                Problem(
                    code="pki.no-store",
                    message=f"{place}: certificates are not stored, so none can be found again or revoked",
                    hint="set no_store to false",
                )
            )
        if not self._section.endpoints and self._section.usage == "server":
            found.append(
                Problem(
                    code="pki.no-endpoint",
                    message=f"{self._name}: no `endpoints`, so nobody looks at what is served before the old one is revoked",
                    hinders=False,
                )
            )
        return found

    def plan(self, rotation: str, current: Credential | None, randomness: Randomness) -> Credential:  # noqa: ARG002
        key = tls.make_key(self._section.key, randomness)
        return Credential(
            rotation=rotation,
            handle={"common_name": self._section.common_name},
            values={self._section.key_field: pem(key)},
            material={"csr": tls.request(key, self._names)},
        )

    def create(self, new: Credential, fence: Fence) -> Credential:
        key = tls.load_key(new.values[self._section.key_field])
        found = self._of_key(key)
        if any(self._revoked(certificate) for certificate in found):
            raise FencedOutError(
                self._name, f"{self._section.mount}, where what was signed for this key is revoked"
            )
        if found:
            certificate = found[0]
            leaf, chain = _pem(certificate), self._chain(certificate)
        else:
            fence.hold()
            signed = self._sign(new.material["csr"])
            leaf = str(signed["certificate"]).strip()
            chain = [str(text).strip() for text in signed.get("ca_chain") or [signed["issuing_ca"]]]
            certificate = tls.load_certificate(leaf)
        self._must_be_what_was_asked(certificate, key)
        # The root is the reader's to have; a chain without it is what RFC 8446 section 4.4.2 asks a server for.
        served = [leaf, *(text for text in chain if not _self_signed(text))]
        return Credential(
            rotation=new.rotation,
            handle={**new.handle, **_handle(certificate)},
            values={
                **new.values,
                self._section.certificate_field: "\n".join(served) + "\n",
                self._section.chain_field: "\n".join(chain) + "\n",
            },
            material=new.material,
            created=certificate.not_valid_before_utc.timestamp(),
        )

    def probe(self, credential: Credential) -> Proof:
        chain, key = (
            credential.values[f] for f in (self._section.certificate_field, self._section.key_field)
        )
        authority = credential.values.get(self._section.chain_field, "")
        client = self._section.usage == "client"

        def shaken(trusted: str, name: str) -> str:
            if client:
                return tls.presenting(chain, key, trusted)
            return tls.serving(chain, key, trusted, name)

        name = self._section.common_name.replace("*", "any", 1)
        try:
            version = shaken(authority, name)
        except tls.CertificateError as error:
            raise ProbeFailedError("pki.probe", f"{self._section.common_name}: {error}") from None
        try:
            # What must fail: another name; for a client, who has none, another authority.
            shaken(tls.stranger()[0] if client else authority, "other.invalid")
        except tls.CertificateError:
            facts = {"serial": credential.handle["serial"], "version": version, "as": self._section.usage}
            return Proof(kind="handshake", facts=facts)
        raise ProbeFailedError(
            "pki.probe", f"{self._section.common_name}: a handshake that must fail does not"
        )

    def served(self, new: Credential) -> Proof | None:
        if not self._section.endpoints:
            return None
        others = [
            f"{address} ({tls.serial_text(certificate)})"
            for address, certificate in self._at_endpoints(new)
            if tls.serial_text(certificate) != new.handle["serial"]
        ]
        if others:
            raise NotYetError(
                "pki.not-served",
                f"{self._section.common_name}: another certificate is served at {', '.join(others)}",
                hint="does the server read the new file, or has it to be restarted?",
            )
        facts = {"serial": new.handle["serial"], "endpoints": list(self._section.endpoints)}
        return Proof(kind="handshake", facts=facts)

    def idle(self, old: Credential) -> Proof:
        found = self._at_endpoints(old)
        serials = self._serials(old)
        users = [address for address, certificate in found if tls.serial_text(certificate) in serials]
        if users:
            raise StillInUseError(
                "pki.still-served",
                f"{self._section.common_name}: the old certificate is still served at {', '.join(users)}",
                users=users,
            )
        facts = {"serials": serials, "looked_at": [address for address, _ in found]}
        return Proof(kind="not-served", facts=facts)

    def disable(self, old: Credential, fence: Fence) -> None:
        """Nothing that Vault could take back: nobody serves it, and `destroy` revokes it after the soak."""

    def enable(self, old: Credential, fence: Fence) -> None:  # noqa: ARG002
        if any(self._revocation(serial) for serial in self._serials(old)):
            raise PermanentError(
                "pki.revoked",
                f"{self._section.common_name}: the old certificate is revoked, which is final",
                hint="rotate again",
            )

    def cut(self, old: Credential, fence: Fence) -> None:
        self.destroy(old, fence)

    def refused(self, old: Credential) -> Proof:
        """Revoked; or, before that, served by nobody. One that was never signed is found nowhere."""
        serials = self._serials(old)
        at = {serial: self._revocation(serial) or 0 for serial in serials}
        if not all(at.values()):
            return self.idle(old)
        unlisted = [serial for serial in serials if self._listed(serial) is False]
        if unlisted:
            raise NotYetError(
                "pki.not-listed",
                f"{self._section.mount}: {', '.join(unlisted)} is revoked and not in the CRL yet",
                hint="auto_rebuild of config/crl delays it",
                delay=60.0,
            )
        return Proof(kind="revoked", facts={"revoked_at": at, "listed": bool(serials)})

    def destroy(self, credential: Credential, fence: Fence) -> None:
        for serial in self._serials(credential):
            self._revoke(serial, fence)

    def sweep(self, keep: Sequence[Credential], fence: Fence) -> Sequence[str]:
        """Revoke what was signed twice: for a key that is kept, and for one of which a certificate is revoked."""
        kept = {credential.handle["serial"] for credential in keep if "serial" in credential.handle}
        keys: dict[bytes, list[str]] = {}
        for serial, certificate in self._stored():
            keys.setdefault(tls.public_bytes(certificate), []).append(serial)
        left = []
        for serials in (serials for serials in keys.values() if len(serials) > 1):
            gone = {serial for serial in serials if self._revocation(serial)}
            for serial in set(serials) - gone - kept if gone or kept & set(serials) else ():
                self._revoke(serial, fence)
                left.append(f"{self._section.mount}: certificate {serial}, signed twice")
        return left

    def _serials(self, credential: Credential) -> list[str]:
        """Its number; of one whose signing was not heard of, the numbers of what was signed for its key."""
        if "serial" in credential.handle:
            return [credential.handle["serial"]]
        key = tls.load_key(credential.values[self._section.key_field])
        return [tls.serial_text(certificate) for certificate in self._of_key(key)]

    def _sign(self, csr: str) -> dict[str, Any]:
        body = {
            "csr": csr,
            "common_name": self._section.common_name,
            "alt_names": ",".join(self._names),
            "ttl": f"{self._section.ttl_seconds}s",
            "format": "pem",
        }
        try:
            return self._vault.write(f"{self._section.mount}/sign/{self._section.role}", body)
        except VaultRefusedError:
            raise PermanentError(
                "pki.refused",
                f"{self._section.mount}/{self._section.role}: does not sign for {', '.join(self._names)} "
                f"by a key {self._section.key}",
                hint="compare allowed_domains, key_type and key_bits of the role",
            ) from None

    def _must_be_what_was_asked(self, certificate: x509.Certificate, key: PrivateKey) -> None:
        if not tls.belongs(certificate, key):
            raise DriftError("pki.other-key", f"{self._section.mount}: signed for another key")
        if missing := sorted(set(self._names) - tls.names_of(certificate)):
            raise PermanentError(
                "pki.other-names",
                f"{self._section.mount}/{self._section.role}: the certificate is not for {', '.join(missing)}",
                hint="use_csr_sans and allowed_domains of the role decide",
            )
        wanted = self._section.max_age_days * 86_400 - _SLACK
        lives = certificate.not_valid_after_utc.timestamp() - certificate.not_valid_before_utc.timestamp()
        if lives < wanted:
            # Vault cuts a ttl that is too long, and says nothing.
            raise PermanentError(
                "pki.short-life",
                f"{self._section.mount}/{self._section.role}: the certificate lives {lives / 86_400:.1f} days, "
                f"less than max_age_days ({self._section.max_age_days:g})",
                hint="max_ttl of the role, max_lease_ttl of the mount, and the end of the authority bound it",
            )

    def _at_endpoints(self, credential: Credential) -> list[tuple[str, x509.Certificate]]:
        authority = credential.values.get(self._section.chain_field, "")
        found = []
        for endpoint in self._section.endpoints:
            try:
                found += tls.served(
                    endpoint, self._section.common_name, authority, self._section.timeout_seconds
                )
            except OSError as error:
                raise TransientError(
                    "pki.unreachable", f"{endpoint}: no handshake ({type(error).__name__})"
                ) from None
        return found

    def _of_key(self, key: PrivateKey) -> list[x509.Certificate]:
        """Every certificate in the engine's store for this key."""
        return [certificate for _, certificate in self._stored() if tls.belongs(certificate, key)]

    def _stored(self) -> Iterator[tuple[str, x509.Certificate]]:
        """What the engine's store has of this name, or of any name where it does not list them."""
        for serial in self._candidates():
            told = self._vault.read(f"{self._section.mount}/cert/{serial}")
            if told is not None:
                yield serial, tls.load_certificate(told["certificate"])

    def _candidates(self) -> list[str]:
        """Serial numbers that may be of this name: by the engine's list with names where it has one (OpenBao)."""
        named = self._named()
        if named is not None:
            return named
        every = self._vault.list(f"{self._section.mount}/certs")
        if len(every) > _MOST:
            raise PermanentError(
                "pki.too-many",
                f"{self._section.mount}: holds {len(every)} certificates and does not list their names, "
                "so one whose answer was lost cannot be found",
                hint="tidy the mount, or give these certificates a mount of their own",
            )
        return every

    def _named(self) -> list[str] | None:
        found: list[str] = []
        after = ""
        while True:
            query: dict[str, Any] = {"limit": _PAGE, **({"after": after} if after else {})}
            try:
                answer = self._vault.call("list", f"{self._section.mount}/certs/detailed", params=query)
            except VaultRefusedError:
                return None
            data = (answer or {}).get("data") or {}
            told, serials = data.get("key_info"), data.get("keys") or []
            if told is None:
                return found or None
            found += [s for s in serials if told.get(s, {}).get("common_name") == self._section.common_name]
            if len(serials) < _PAGE or serials[-1] == after:
                return found
            after = serials[-1]

    def _chain(self, certificate: x509.Certificate) -> list[str]:
        """The authority's chain, for a certificate whose signing was not answered."""
        answer = self._vault.read(f"{self._section.mount}/cert/ca_chain") or {}
        text = answer.get("ca_chain") or answer.get("certificate") or ""
        blocks = [
            f"{block}-----END CERTIFICATE-----" for block in text.split("-----END CERTIFICATE-----")[:-1]
        ]
        issuer = [b.strip() for b in blocks if tls.load_certificate(b).subject == certificate.issuer]
        if not issuer:
            raise TransientError("pki.no-chain", f"{self._section.mount}: gives no chain of its authority")
        return [block.strip() for block in blocks]

    def _revoke(self, serial: str, fence: Fence) -> None:
        if self._revocation(serial) is None:
            return  # it is not in the store, so it was never signed here
        fence.hold()
        try:
            self._vault.write(f"{self._section.mount}/revoke", {"serial_number": serial})
        except VaultRefusedError:
            told = self._vault.read(f"{self._section.mount}/cert/{serial}")
            if told is not None and _ended(tls.load_certificate(told["certificate"]), self._vault.now()):
                return  # an expired one is not revoked, and needs it no more
            raise

    def _revoked(self, certificate: x509.Certificate) -> bool:
        return bool(self._revocation(tls.serial_text(certificate)))

    def _revocation(self, serial: str) -> int | None:
        """When it was revoked, in seconds since the epoch; 0 for never, None where it is not in the store."""
        told = self._vault.read(f"{self._section.mount}/cert/{serial}")
        return None if told is None else int(told.get("revocation_time") or 0)

    def _listed(self, serial: str) -> bool | None:
        """Whether the CRL has it; None where there is no CRL to be read."""
        told = self._vault.read(f"{self._section.mount}/cert/crl")
        try:
            crl = x509.load_pem_x509_crl(str((told or {}).get("certificate", "")).encode())
        except ValueError:
            return None
        return crl.get_revoked_certificate_by_serial_number(tls.serial_number(serial)) is not None


def _handle(certificate: x509.Certificate) -> dict[str, str]:
    return {
        "serial": tls.serial_text(certificate),
        "not_after": certificate.not_valid_after_utc.isoformat(timespec="seconds"),
    }


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode().strip()


def _self_signed(text: str) -> bool:
    certificate = tls.load_certificate(text)
    return certificate.subject == certificate.issuer


def _ended(certificate: x509.Certificate, now: float) -> bool:
    return certificate.not_valid_after_utc < dt.datetime.fromtimestamp(now, dt.UTC)
