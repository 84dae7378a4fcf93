"""OpenPGP: the public keys in a keyring."""

from __future__ import annotations

import binascii
import hashlib
import time


def openpgp_keys(data: bytes) -> list[tuple[str, str]]:
    """(fingerprint, date of expiry or "never") of the primary keys in a keyring; layout: RFC 4880, RFC 9580."""
    if b"-----BEGIN PGP" in data:
        try:
            data = b"".join(map(binascii.a2b_base64, armoured(data)))
        except ValueError:
            return []
    found: list[tuple[str, str]] = []
    created = 0
    for tag, body in openpgp_packets(data):
        if tag == 6 and 5 < len(body) < 1 << 16:
            if body[0] == 4:
                fingerprint = hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest()  # noqa: S324 - RFC
            else:
                fingerprint = hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest()
            created = int.from_bytes(body[1:5], "big")
            found.append((fingerprint.upper(), "never"))
        elif tag == 2 and created and found:
            lifetime = openpgp_lifetime(body)
            if lifetime is not None:
                expires = time.strftime("%Y-%m-%d", time.gmtime(created + lifetime)) if lifetime else "never"
                found[-1] = (found[-1][0], expires)
    return found


def armoured(data: bytes) -> list[bytes]:
    """The keys in a file of text, in base64: what is between the blank line and the check sum of each block."""
    found = []
    for block in data.split(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")[1:]:
        inside, end, _ = block.partition(b"-----END")
        _, blank, text = inside.replace(b"\r\n", b"\n").partition(b"\n\n")
        text = text.rstrip()
        if end and blank:
            found.append(text[:-6] if text[-6:-4] == b"\n=" else text)
    return found


def openpgp_packets(data: bytes) -> list[tuple[int, bytes]]:
    """(tag, body) of the packets of an OpenPGP file, as far as they can be read."""
    found = []
    at = 0
    while at + 1 < len(data) and data[at] & 0x80:
        head = data[at]
        first = data[at + 1]
        if head & 0x40:
            tag = head & 0x3F
            if first < 192:
                length, at = first, at + 2
            elif first < 224 and at + 2 < len(data):
                length, at = ((first - 192) << 8) + data[at + 2] + 192, at + 3
            else:
                length, at = int.from_bytes(data[at + 2 : at + 6], "big"), at + 6
        else:
            tag = head >> 2 & 0xF
            size = (1, 2, 4, 0)[head & 3]
            length, at = int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size
        found.append((tag, data[at : at + length]))
        at += length
    return found


def openpgp_lifetime(signature: bytes) -> int | None:
    """Seconds of validity in a self-signature (0: without end), None for another signature."""
    # Certifications and direct signatures of a primary key; those of its subkeys are of other types.
    if len(signature) < 6 or signature[0] != 4 or signature[1] not in (0x10, 0x11, 0x12, 0x13, 0x1F):
        return None
    hashed = signature[6 : 6 + int.from_bytes(signature[4:6], "big")]
    at = 0
    while at + 1 < len(hashed):
        length = hashed[at]
        at += 1
        if length >= 192:
            length, at = ((length - 192) << 8) + hashed[at] + 192, at + 1
        if length == 5 and hashed[at : at + 1] and hashed[at] & 0x7F == 9:
            return int.from_bytes(hashed[at + 1 : at + 5], "big")
        at += length
    return None
