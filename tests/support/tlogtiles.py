"""A reader of tlog-tiles written from https://c2sp.org/tlog-tiles and RFC 6962 alone, sharing no code with Guarita."""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def mth(entries):
    """RFC 6962 section 2.1, on leaf hashes."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return entries[0]
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def encoded(index):
    """1234067 as x001/x234/067."""
    text = f"{index:0{-(-len(str(index)) // 3) * 3}d}"
    parts = [text[at : at + 3] for at in range(0, len(text), 3)]
    return "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])


def resources(size):
    """(path, level or None, first, last) of every tile and bundle that a log of this size must serve."""
    for kind, level in (("entries", 0), *((str(level), level) for level in range(64))):
        hashes = size // 256**level
        for index in range(hashes // 256):
            yield f"tile/{kind}/{encoded(index)}", kind, index * 256, 256
        if hashes % 256:
            yield (
                f"tile/{kind}/{encoded(hashes // 256)}.p/{hashes % 256}",
                kind,
                hashes // 256 * 256,
                hashes % 256,
            )


def entries_of(data):
    found = []
    while data:
        length = int.from_bytes(data[:2], "big")
        assert len(data) >= 2 + length
        found.append(data[2 : 2 + length])
        data = data[2 + length :]
    return found


def checkpoint(folder):
    """(origin, size, root) of the checkpoint; signatures are another matter."""
    text, _, signatures = (folder / "checkpoint").read_text().partition("\n\n")
    assert signatures.startswith("— ")
    assert signatures.endswith("\n")
    origin, size, root = text.split("\n")[:3]
    return origin, int(size), base64.b64decode(root)


def signed_by(folder, vkey):
    """Check the checkpoint's signature by https://c2sp.org/signed-note; raises if there is none by this key."""
    name, key_id, encoded_key = vkey.split("+", 2)
    key = base64.b64decode(encoded_key)
    assert key[:1] == b"\x01"
    assert hashlib.sha256(f"{name}\n".encode() + key).digest()[:4].hex() == key_id
    text, _, signatures = (folder / "checkpoint").read_text().rpartition("\n\n")
    (line,) = [one for one in signatures.splitlines() if one.startswith(f"— {name} ")]
    signature = base64.b64decode(line.rpartition(" ")[2])
    assert signature[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], f"{text}\n".encode())


def read(folder, size):
    """All entries, after every tile was recomputed from them; gives (entries, root)."""
    entries, rows = [], {}
    for path, kind, first, width in resources(size):
        data = (folder / path).read_bytes()
        if kind == "entries":
            assert first == len(entries)
            entries += entries_of(data)
            assert len(entries) == first + width
            continue
        level = int(kind)
        if level not in rows:
            below = rows[level - 1] if level else []
            rows[level] = (
                [mth(below[at : at + 256]) for at in range(0, len(below) // 256 * 256, 256)]
                if level
                else [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
            )
        assert data == b"".join(rows[level][first : first + width]), path
    return entries, mth(rows.get(0, []))
