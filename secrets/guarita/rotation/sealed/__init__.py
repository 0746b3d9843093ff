"""Sealed Secrets: Secrets that may stand in Git, in the format of bitnami-labs/sealed-secrets."""

from guarita.rotation.sealed.ages import SealingKeyAge, from_certificates, from_secrets
from guarita.rotation.sealed.keys import PrivateKeys, SealingCertificate, read_certificate, read_private_keys
from guarita.rotation.sealed.manifest import Secret, read_secrets
from guarita.rotation.sealed.scope import Scope
from guarita.rotation.sealed.sealedsecret import SealedSecret, read_sealed

__all__ = [
    "PrivateKeys",
    "Scope",
    "SealedSecret",
    "SealingCertificate",
    "SealingKeyAge",
    "Secret",
    "from_certificates",
    "from_secrets",
    "read_certificate",
    "read_private_keys",
    "read_sealed",
    "read_secrets",
]
