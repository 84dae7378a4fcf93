"""A site of each kind that the role knows besides its own pages: what a client gets of it."""

import json
import shlex
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Any

import kinds
import pytest

CERTIFICATE = Path(__file__).parents[1] / "shared" / "files" / "secure.example.org.crt"

# Runs in the machine, which has Python for Ansible but no HTTP client. One process asks all the questions.
ASK = """
import http.client, json, ssl, sys
anyone = ssl.create_default_context()
anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
old = ssl.create_default_context()
old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
old.set_ciphers("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
old.maximum_version = ssl.TLSVersion.TLSv1_2
answers = {}
for name, host, address, port, path, tls in json.loads(sys.argv[1]):
    context = {"any": anyone, "old": old}.get(tls)
    if context:
        connection = http.client.HTTPSConnection(address, port, timeout=10, context=context)
    else:
        connection = http.client.HTTPConnection(address, port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host})
        certificate = ssl.DER_cert_to_PEM_cert(connection.sock.getpeercert(True)) if context else ""
        response = connection.getresponse()
        headers = {key.lower(): value for key, value in response.getheaders()}
        answers[name] = [response.status, headers, response.read().decode(), certificate]
    except OSError as error:
        answers[name] = [0, {}, str(error), ""]
print(json.dumps(answers))
"""

QUESTIONS = (
    ("files", "files.example.org", "127.0.0.1", 80, "/", ""),
    ("files by another name", "a.files.example.org", "127.0.0.1", 80, "/", ""),
    ("files, forbidden", "files.example.org", "127.0.0.1", 80, "/private/x", ""),
    ("proxy", "proxy.example.org", "127.0.0.1", 80, "/", ""),
    ("redirect", "former.example.org", "127.0.0.1", 80, "/x?y=1", ""),
    ("local", "whoever.example.org", "127.0.0.1", 8092, "/", ""),
    ("secure", "secure.example.org", "127.0.0.1", 443, "/", "any"),
    ("secure, of IPv6", "secure.example.org", "::1", 443, "/", "any"),
    ("secure, with a cipher of once", "secure.example.org", "127.0.0.1", 443, "/", "old"),
)


@pytest.fixture(scope="module")
def answers(host: Any) -> dict[str, list[Any]]:
    """Return status, headers, body and certificate that each question was answered with."""
    given = host.check_output(f"python3 -c {shlex.quote(ASK)} {shlex.quote(json.dumps(QUESTIONS))}")
    said: dict[str, list[Any]] = json.loads(given)
    return said


def test_a_root_is_served_by_each_of_its_names_with_what_was_given_besides(answers: dict[str, list[Any]]) -> None:
    for name in ("files", "files by another name"):
        status, headers, body, _ = answers[name]
        assert (status, headers.get("x-site")) == (HTTPStatus.OK, "files")
        assert "Welcome to nginx" in body
    assert answers["files, forbidden"][0] == HTTPStatus.FORBIDDEN


def test_a_proxy_gives_what_the_server_behind_it_says(answers: dict[str, list[Any]]) -> None:
    page = "<!DOCTYPE html>\n<title>Behind the proxy</title>\n"
    assert [answers["local"][0], answers["local"][2]] == [HTTPStatus.OK, page]
    assert [answers["proxy"][0], answers["proxy"][2]] == [HTTPStatus.OK, page]


def test_a_redirect_keeps_path_and_query(answers: dict[str, list[Any]]) -> None:
    status, headers, _, _ = answers["redirect"]
    assert (status, headers["location"]) == (HTTPStatus.MOVED_PERMANENTLY, "https://example.org/x?y=1")


def test_tls_has_the_certificate_of_the_site_and_no_cipher_of_once(answers: dict[str, list[Any]]) -> None:
    expected = ssl.PEM_cert_to_DER_cert(CERTIFICATE.read_text(encoding="utf-8"))
    for name in ("secure", "secure, of IPv6"):
        status, _, body, certificate = answers[name]
        assert (status, body) == (HTTPStatus.OK, "<!DOCTYPE html>\n<title>Secure</title>\n")
        assert ssl.PEM_cert_to_DER_cert(certificate) == expected
    # Nginx alone would take it.
    assert "handshake failure" in answers["secure, with a cipher of once"][2].lower().replace("_", " ")


def test_what_was_given_for_all_sites_holds_for_all(answers: dict[str, list[Any]]) -> None:
    assert [name for name, (_, headers, _, _) in answers.items() if "etag" in headers] == []


def test_the_files_of_the_kinds_are_there_and_no_other(host: Any) -> None:
    found = host.check_output("find /etc/nginx/sites-* /etc/nginx/conf.d /etc/nginx/snippets -name 'kinds-*'").split()
    places = ("/etc/nginx/sites-available", "/etc/nginx/sites-enabled")
    expected = [f"{place}/kinds-{name}" for place in places for name in kinds.FILES]
    assert sorted(found) == sorted(
        [*expected, "/etc/nginx/conf.d/kinds-http.conf", "/etc/nginx/snippets/kinds-tls.conf"]
    )
