"""apt."""

import base64
import hashlib

from by_program import collect, write


def test_apt_sources_of_both_formats_are_the_same_things(root):
    write(
        root,
        "/etc/apt/sources.list",
        "deb [signed-by=/k.gpg] http://m.example/d trixie main contrib # c\n# deb x y z\n",
    )
    write(
        root,
        "/etc/apt/sources.list.d/x.sources",
        "Types: deb deb-src\nURIs: http://n.example/d\nSuites: trixie trixie-updates\n"
        "Components: main\nSigned-By: /k.gpg\n",
    )
    write(root, "/etc/apt/sources.list.d/off.list.save", "deb http://no.example/d trixie main\n")
    write(root, "/etc/apt/preferences.d/pin", "Package: tool\nPin: version 1.*\nPin-Priority: 1001\n")
    found = collect(root, scopes=["apt"])["apt"]["objects"]
    assert found["source:deb http://m.example/d trixie"]["components"] == ["contrib", "main"]
    assert found["source:deb-src http://n.example/d trixie-updates"]["signed-by"] == "/k.gpg"
    assert sum(key.startswith("source:") for key in found) == 5
    assert found["preference:tool version 1.*"] == {"file": "/etc/apt/preferences.d/pin", "priority": "1001"}


def test_openpgp_keys_have_a_fingerprint_and_an_expiry(root):
    created = 1_600_000_000
    body = bytes([4]) + created.to_bytes(4, "big") + bytes([22]) + b"key material"
    hashed = bytes([5, 2]) + created.to_bytes(4, "big") + bytes([5, 9]) + (86400 * 365).to_bytes(4, "big")
    signature = bytes([4, 0x13, 22, 10]) + len(hashed).to_bytes(2, "big") + hashed + b"\0\0"
    uid = b"Archive <a@example>"
    of_subkey = bytes([4, 0x18]) + signature[2:9] + (1).to_bytes(4, "big") + signature[13:]
    parts = ((6, body), (13, uid), (2, signature), (14, body), (2, of_subkey))
    packets = b"".join(bytes([0xC0 | tag, len(data)]) + data for tag, data in parts)
    write(root, "/etc/apt/trusted.gpg.d/a.gpg", packets)
    armoured = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + base64.encodebytes(packets) + b"=abcd\n-----END PGP"
    write(root, "/etc/apt/keyrings/b.asc", armoured)
    found = collect(root, scopes=["apt"])["apt"]["objects"]
    fingerprint = hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()
    assert found == {
        f"key:{fingerprint}": {
            "expires": "2021-09-13",
            "files": ["/etc/apt/keyrings/b.asc", "/etc/apt/trusted.gpg.d/a.gpg"],
        }
    }
