"""Foreign formats: whatever the bytes are, they are parsed in time, or found to be nothing."""

import base64
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from tdi.collector.formats.openpgp import openpgp_keys
from tdi.collector.formats.x509 import certificate, der, oid, pem_blocks, public_parts

PACKETS = b"".join(
    bytes([0xC0 | tag, len(body)]) + body
    for tag, body in (
        (6, bytes([4]) + (1_600_000_000).to_bytes(4, "big") + b"\x16key material"),
        (13, b"Archive <a@example>"),
        (2, bytes([4, 0x13, 22, 10, 0, 6, 5, 9]) + (86400).to_bytes(4, "big") + b"\0\0"),
    )
)
BEGIN = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"


def element(tag: int, content: bytes) -> bytes:
    """An element of DER."""
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x84]) + size.to_bytes(4, "big")
    return bytes([tag]) + length + content


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A certificate and its private key, in DER."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificates")
    where = tmp_path_factory.mktemp("made")
    request = ["-x509", "-nodes", "-subj", "/O=Example/CN=site.example", "-newkey", "rsa:2048"]
    names = ["-addext", "subjectAltName=DNS:site.example,IP:127.0.0.1"]
    command = ["openssl", "req", *request, *names, "-keyout", where / "key", "-out", where / "crt"]
    subprocess.run(command, check=True, capture_output=True)
    return pem_blocks((where / "crt").read_bytes(), b"CERTIFICATE")[0], pem_blocks(
        (where / "key").read_bytes(), b"PRIVATE KEY"
    )[0]


def damaged(data: bytes, seed: int) -> bytes:
    """The bytes with some of them changed, left out or doubled."""
    dice = random.Random(seed)  # noqa: S311 - the same damage each time
    parts = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(parts))
        kind = dice.randrange(3)
        if kind == 0:
            parts[at] = dice.choice([0, 0x7F, 0x80, 0x84, 0xFF, dice.randrange(256)])
        elif kind == 1:
            del parts[at : at + dice.randint(1, 20)]
        else:
            parts[at:at] = parts[at : at + dice.randint(1, 20)]
    return bytes(parts)


@pytest.mark.parametrize("round_", range(20))
def test_damaged_bytes_are_read_or_are_nothing(made: tuple[bytes, bytes], round_: int):
    for seed in range(100 * round_, 100 * round_ + 100):
        openpgp_keys(damaged(PACKETS, seed))
        public_parts(damaged(made[1], seed))
        with suppress(IndexError, ValueError):
            certificate(damaged(made[0], seed))


@pytest.mark.parametrize(
    "hostile",
    [
        lambda: openpgp_keys(BEGIN + b"\n" * (4 << 20)),
        lambda: openpgp_keys((BEGIN + b"\n\n") * 100_000),
        lambda: openpgp_keys(b"\xc0\x00" * (2 << 20)),
        lambda: openpgp_keys(bytes([0xC6, 0xFF, 0, 1, 0, 1, 4]) + b"x" * 65_536),
        lambda: pem_blocks(b"-----BEGIN CERTIFICATE-----" + b"\n" * (1 << 20), b"CERTIFICATE"),
        lambda: pem_blocks(b"-----BEGIN CERTIFICATE-----\n" * 40_000, b"CERTIFICATE"),
        lambda: public_parts(nested()),
        lambda: der(b"\x30\x00" * (1 << 19)),
    ],
)
def test_hostile_bytes_are_done_with_at_once(hostile: Callable[[], object]):
    began = time.process_time()
    hostile()
    assert time.process_time() - began < 3


def nested() -> bytes:
    """Private keys in private keys."""
    data = b""
    for _ in range(2000):
        data = element(0x30, element(2, b"\0") + element(0x30, b"") + element(4, data))
    return data


def test_an_identifier_without_end_is_none():
    with pytest.raises(ValueError, match="without end"):
        oid(b"\xff" * (1 << 20))


def test_a_lifetime_of_another_length_is_none():
    """A number of a hundred bytes would be no date."""
    hashed = bytes([101, 9]) + b"\xff" * 100
    signature = bytes([4, 0x13, 22, 10]) + len(hashed).to_bytes(2, "big") + hashed
    key = PACKETS[: PACKETS[1] + 2]
    [(_, expires)] = openpgp_keys(key + bytes([0xC2, len(signature)]) + signature)
    assert expires == "never"


def test_armour_may_have_headers_a_check_sum_and_ends_of_lines_as_on_windows():
    text = base64.encodebytes(PACKETS)
    plain = openpgp_keys(PACKETS)
    assert [expires for _, expires in plain] == ["2020-09-14"]
    block = BEGIN + b"\nVersion: x\nComment: y\n\n" + text + b"=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
    assert openpgp_keys(block) == openpgp_keys(block.replace(b"\n", b"\r\n")) == plain
    assert openpgp_keys(b"text\n" + block + b"\n" + block.replace(b"=abcd\n", b"")) == plain * 2
    assert openpgp_keys(block.partition(b"-----END")[0]) == []
