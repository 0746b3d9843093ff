"""Canary values and every spelling in which one could hide in bytes."""

import base64
import hashlib
import json
import urllib.parse


def spellings(text):
    """The text as bytes in the encodings that stores, logs and terminals use, and its plain digests.

    A digest without a key is as good as the value where values are few, as those of a CPF are.
    """
    raw = text.encode("utf-8", "surrogatepass")
    found = {
        raw,
        text.encode("utf-16-le", "surrogatepass"),
        text.encode("utf-16-be", "surrogatepass"),
        json.dumps(text)[1:-1].encode(),
        repr(text)[1:-1].encode("utf-8", "surrogatepass"),
        raw.hex().encode(),
        raw.hex().upper().encode(),
        urllib.parse.quote(raw).encode(),
        raw[::-1],
    }
    for altchars in (b"+/", b"-_"):
        for shift in range(3):
            # Base64 of the text within something longer: the characters that depend on it alone.
            encoded = base64.b64encode(bytes(shift) + raw, altchars=altchars)
            found.add(encoded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6])
    for name in ("md5", "sha1", "sha256", "sha512", "blake2b"):
        digest = hashlib.new(name, raw)
        found |= {
            digest.digest(),
            digest.hexdigest().encode(),
            base64.b64encode(digest.digest()).rstrip(b"="),
        }
    return found


def seen(text, haystacks):
    """Where any spelling of the text stands: `name: spelling` for each; empty when it is nowhere."""
    return [
        f"{name}: {spelling[:40]!r}"
        for spelling in spellings(text)
        for name, haystack in haystacks.items()
        if spelling in haystack
    ]


def files(folder):
    """The bytes of every file below a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
