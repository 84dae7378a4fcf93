"""Certificates of X.509 and their keys."""

from __future__ import annotations

import os
import re
from contextlib import suppress

from tdi.collector.configuration import etc_files
from tdi.collector.formats.x509 import certificate, pem_blocks, public_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope

CERTIFICATE_NAME = re.compile(r"\.(pem|crt|cer|cert)$")
# The certificate authorities that the system trusts come from packages, hundreds of them.
TRUSTED = ("/etc/ssl/certs/", "/etc/ca-certificates/", "/etc/alternatives/")


def certificates(machine: Machine, scope: Scope) -> None:
    """The certificates below /etc that are not the system's trusted ones, each with whether its key fits."""
    keys: dict[str, set[bytes]] = {}
    paths = [path for path in etc_files(machine) if not path.startswith(TRUSTED)]
    for path in paths:
        if not re.search(r"\.(pem|key)$", path):
            continue
        try:
            data = machine.bytes(path, 1 << 18)
        except OSError:
            continue
        blocks = pem_blocks(data, rb"(?:RSA |EC )?PRIVATE KEY")
        if blocks:
            keys[path] = {key for block in blocks for key in public_parts(block)}
    for path in paths:
        if not CERTIFICATE_NAME.search(path):
            continue
        try:
            data = machine.bytes(path, 1 << 20)
        except OSError:
            continue
        if b"-----BEGIN CERTIFICATE" not in data:
            continue
        try:
            blocks = pem_blocks(data, rb"CERTIFICATE")
            attributes, public_key = certificate(blocks[0])
        except (IndexError, ValueError, UnicodeDecodeError):
            scope.objects[path] = {"error": "not a certificate that can be read"}
            continue
        if len(blocks) > 1:
            attributes["chain"] = len(blocks)
        fitting = sorted(key for key, public in keys.items() if any(part in public_key for part in public))
        near = [key for key in keys if os.path.splitext(key)[0] == os.path.splitext(path)[0]]
        if fitting or near:
            # A key is expected beside its certificate, under the same name; another place is found by its content.
            attributes["key"] = (fitting or sorted(near))[0]
            # Of some kinds (ed25519) the public key does not stand in the private one: it may fit or not.
            if fitting or all(keys[key] for key in near):
                attributes["key_matches"] = bool(fitting) and (not near or bool({*fitting} & {*near}))
        with suppress(OSError):
            attributes["mode"] = "%04o" % (os.stat(machine.resolve(path)).st_mode & 0o7777)
        scope.objects[path] = attributes
