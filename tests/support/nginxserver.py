"""Debian's nginx on a free loopback port, with a configuration of the test's."""

import contextlib
import datetime as dt
import socket
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from servers import stopping, wait_until

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextlib.contextmanager
def nginx(folder, port, http):
    """A server until the block is left; `http` is what stands in the block of that name."""
    paths = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in _TEMPORARY)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\n"
        f"events {{}}\nhttp {{ access_log off; server_names_hash_bucket_size 128;\n{paths}{http}\n}}\n"
    )
    log = folder / "nginx.log"
    with log.open("w") as out:
        process = subprocess.Popen(["nginx", "-c", folder / "nginx.conf", "-p", folder], stderr=out)

    def answers():
        with socket.socket() as probe:
            return not probe.connect_ex(("127.0.0.1", port))

    with stopping(process):
        wait_until(answers, process, log=log)
        yield
        process.terminate()
        process.wait(timeout=20)


def certified(folder, *names):
    """A certificate for these names that nobody signed but itself: its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "tls.crt", folder / "tls.key"
