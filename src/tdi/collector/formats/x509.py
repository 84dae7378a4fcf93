"""X.509: certificates, and what of a private key is public."""

from __future__ import annotations

import binascii
import re
import time

from tdi.collector.configuration import number
from tdi.collector.hashes import hash_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OIDS = {
    "2.5.4.3": "CN", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
    "1.2.840.113549.1.9.1": "emailAddress", "1.2.840.113549.1.1.1": "rsa", "1.2.840.10045.2.1": "ec",
    "1.3.101.112": "ed25519", "1.3.101.113": "ed448", "1.2.840.10045.3.1.7": "256", "1.3.132.0.34": "384",
    "1.3.132.0.35": "521",
}  # fmt: skip


def pem_blocks(data: bytes, kind: bytes) -> list[bytes]:
    """The decoded blocks of a kind in a PEM file."""
    found = []
    for body in re.findall(rb"-----BEGIN " + kind + rb"-----\s([A-Za-z0-9+/=\s]+)-----END", data):
        try:
            found.append(binascii.a2b_base64(body))
        except ValueError:
            continue
    return found


def der(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """(tag, content, the whole element) of the elements of a DER sequence; IndexError or ValueError if it is none."""
    found = []
    at = 0
    while at < len(data):
        begin = at
        tag = data[at]
        length = data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise ValueError
        found.append((tag, data[at : at + length], data[begin : at + length]))
        at += length
    return found


def oid(data: bytes) -> str:
    """An object identifier as text, by its short name where it is one that is used here; ValueError for a huge one."""
    if len(data) > 64:
        raise ValueError("an object identifier without end")
    numbers = [data[0] // 40, data[0] % 40]
    value = 0
    for byte in data[1:]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    text = ".".join(map(str, numbers))
    return OIDS.get(text, text)


def distinguished_name(data: bytes) -> str:
    """A name as "CN=…, O=…"."""
    parts = []
    for _, part, _ in der(data):
        for _, pair, _ in der(part):
            kind, value = der(pair)[:2]
            parts.append("%s=%s" % (oid(kind[1]), value[1].decode("utf-8", "replace")))
    return ", ".join(parts)


def certificate_time(tag: int, data: bytes) -> int:
    """Seconds since 1970 of a UTCTime or GeneralizedTime."""
    text = data.decode("ascii")
    if tag == 0x17:
        text = ("20" if int(text[:2]) < 50 else "19") + text
    import calendar  # noqa: PLC0415 - it takes longer to import than everything else, and few machines need it

    return calendar.timegm(time.strptime(text[:14], "%Y%m%d%H%M%S"))


def certificate(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The attributes of an X.509 certificate, and its public key as it is encoded."""
    fields = der(der(der(data)[0][1])[0][1])
    if fields[0][0] == 0xA0:
        fields = fields[1:]
    issuer, validity, subject, key = fields[2], fields[3], fields[4], fields[5]
    begin, end = (certificate_time(tag, content) for tag, content, _ in der(validity[1])[:2])
    algorithm, bits = der(key[1])[:2]
    identifiers = der(algorithm[1])
    key_type = oid(identifiers[0][1])
    attributes: dict[str, Any] = {
        "fingerprint": hash_of(data),
        "subject": distinguished_name(subject[1]),
        "issuer_class": "self-signed" if issuer[2] == subject[2] else "ca",
        "key_type": key_type,
        "validity_days": round((end - begin) / 86400),
    }
    if issuer[2] != subject[2]:
        attributes["issuer"] = distinguished_name(issuer[1])
    if key_type == "rsa":
        attributes["key_bits"] = int.from_bytes(der(der(bits[1][1:])[0][1])[0][1], "big").bit_length()
    elif key_type == "ec" and len(identifiers) > 1:
        attributes["key_bits"] = number(oid(identifiers[1][1]))
    names = [
        name
        for tag, content, _ in fields[6:]
        if tag == 0xA3
        for _, extension, _ in der(der(content)[0][1])
        if der(extension)[0][1] == b"\x55\x1d\x11"
        for name in alternative_names(der(extension)[-1][1])
    ]
    if names:
        attributes["names"] = sorted(names)
    return attributes, bits[1]


def alternative_names(data: bytes) -> list[str]:
    """The host names and addresses that a certificate is for."""
    import socket  # noqa: PLC0415 - see subprocess

    found = []
    for tag, content, _ in der(der(data)[0][1]):
        if tag == 0x82:
            found.append(content.decode("utf-8", "replace"))
        elif tag == 0x87 and len(content) in (4, 16):
            found.append(socket.inet_ntop(socket.AF_INET if len(content) == 4 else socket.AF_INET6, content))
    return found


def public_parts(data: bytes, *, inside: bool = False) -> list[bytes]:
    """The bytes of a private key that are part of its public key, too: an RSA modulus or a point of a curve."""
    try:
        fields = der(der(data)[0][1])
        if len(fields) >= 3 and fields[1][0] == 0x30 and fields[2][0] == 0x04 and not inside:  # PKCS #8: it is inside
            return public_parts(fields[2][1], inside=True)
        if len(fields) >= 9:  # PKCS #1: version, modulus, …
            return [fields[1][1]]
        return [der(content)[0][1][1:] for tag, content, _ in fields if tag == 0xA1]
    except (IndexError, ValueError):
        return []
