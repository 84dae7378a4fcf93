"""Certificates and their keys."""

import json
import shutil
import subprocess

import pytest
from by_program import collect, collect_bytes, write


def test_certificates_and_their_keys(root):
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl makes the certificates")
    (root / "etc/ssl/private").mkdir(parents=True)

    def make(name, key, *kind):
        request = ["-x509", "-nodes", "-subj", "/O=Example/CN=site.example", "-days", "90"]
        names = ["-addext", "subjectAltName=DNS:site.example,DNS:www.site.example,IP:127.0.0.1"]
        subprocess.run(
            [openssl, "req", *request, *names, *kind, "-keyout", root / key, "-out", root / name],
            check=True,
            capture_output=True,
        )

    make("etc/ssl/rsa.crt", "etc/ssl/private/rsa.key", "-newkey", "rsa:2048")
    make("etc/ssl/ec.pem", "etc/ssl/ec.key", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    make("etc/ssl/wrong.crt", "etc/ssl/unused", "-newkey", "rsa:2048")
    shutil.copy(root / "etc/ssl/private/rsa.key", root / "etc/ssl/wrong.key")
    write(root, "/etc/broken.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    raw = collect_bytes(root, scopes=["certificates"])
    found = json.loads(raw)["scopes"]["certificates"]["objects"]
    rsa = found["/etc/ssl/rsa.crt"]
    assert rsa["subject"] == "O=Example, CN=site.example"
    assert rsa["names"] == ["127.0.0.1", "site.example", "www.site.example"]
    assert (rsa["issuer_class"], rsa["key_type"], rsa["key_bits"], rsa["validity_days"]) == (
        "self-signed",
        "rsa",
        2048,
        90,
    )
    assert rsa["key_matches"] is True
    assert (found["/etc/ssl/ec.pem"]["key_type"], found["/etc/ssl/ec.pem"]["key_bits"]) == ("ec", 256)
    assert found["/etc/ssl/ec.pem"]["key_matches"] is True
    assert found["/etc/ssl/wrong.crt"]["key_matches"] is False
    assert "error" in found["/etc/broken.crt"]


def test_a_certificate_that_was_cut_off_is_one_that_cannot_be_read(root):
    write(root, "/etc/tls/cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB")
    found = collect(root, scopes=["certificates"])["certificates"]["objects"]
    assert found == {"/etc/tls/cut.pem": {"error": "not a certificate that can be read"}}
