"""Each option of the role alone, and all at once: a new server and one that had the defaults end in the same state."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import nginx_machine

pytestmark = [pytest.mark.docker, pytest.mark.nightly]

CERTIFICATE = {"certificate": "/etc/ssl/site.crt", "key": "/etc/ssl/site.key"}


def site(**values: Any) -> dict[str, Any]:
    """A site with these keys in place of a page."""
    return {"nginx_sites": [{"name": "website", **values}]}


OPTIONS: dict[str, list[dict[str, Any]]] = {
    "page": [site(page="another\n")],
    "root": [site(root="/srv/www/current")],
    "proxy": [site(proxy="http://127.0.0.1:3000/app/")],
    "redirect": [site(redirect="https://example.org")],
    "server_names": [site(page="up\n", server_names=["example.org", "*.example.org"])],
    "address": [site(page="up\n", address="127.0.0.1")],
    "port": [site(page="up\n", port=8080)],
    "default": [site(page="up\n", default=True)],
    "tls": [site(page="up\n", tls=CERTIFICATE)],
    "extra": [site(page="up\n", extra="client_max_body_size 9m;\n")],
    "nginx_http_extra": [{"nginx_http_extra": "log_format plain '$status';\n"}],
    "nginx_upgrade": [{"nginx_upgrade": False}],
    "nginx_ipv6": [{"nginx_ipv6": False}],
    "nginx_owner": [{}, {"nginx_owner": "shop", "nginx_sites": [{"name": "shop", "port": 81, "page": "shop\n"}]}],
    "all": [
        {
            "nginx_sites": [
                {"name": "website", "page": "all\n", "default": True},
                {"name": "named", "server_names": ["a.example.org"], "root": "/srv/www/current", "extra": "gzip off;"},
                {"name": "proxy", "server_names": ["proxy.example.org"], "proxy": "http://127.0.0.1:8092"},
                {"name": "redirect", "server_names": ["old.example.org"], "redirect": "https://example.org/"},
                {"name": "local", "address": "127.0.0.1", "port": 8092, "page": "local\n"},
                {"name": "tls", "page": "tls\n", "tls": CERTIFICATE},
            ],
            "nginx_http_extra": "log_format plain '$status';\n",
            "nginx_upgrade": False,
            "nginx_ipv6": False,
        },
        {"nginx_owner": "shop", "nginx_sites": [{"name": "shop", "port": 81, "page": "shop\n"}]},
    ],
}

MAKE = "openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -subj /CN=a -days 30 2> /dev/null"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The lines of a shell that have the same certificate, key and pages on any machine."""
    with nginx_machine.new(tmp_path_factory.mktemp("certificate")) as machine:
        machine.shell("apt-get -qq update; apt-get -qq install openssl > /dev/null")
        machine.shell(MAKE.format(**CERTIFICATE))
        texts = {file: machine.shell(f"cat {file}") for file in CERTIFICATE.values()}
    lines = ["mkdir -p /srv/www/current", "echo up > /srv/www/current/index.html"]
    return "\n".join([*lines, *(f"cat > {file} <<'END'\n{text}END" for file, text in texts.items())])


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_is_idempotent_and_ends_in_the_same_state_wherever_it_begins(
    name: str, certificate: str, tmp_path: Path
):
    def converged(kind: str, before: list[list[dict[str, Any]]]) -> Path:
        (tmp_path / kind).mkdir()
        with nginx_machine.new(tmp_path / kind) as machine:
            machine.shell(certificate)
            for roles in [*before, OPTIONS[name]]:
                ran = machine.run(*roles)
                assert (ran.code, ran.failed) == (0, ""), kind
            once = machine.record("once")
            assert machine.run(*OPTIONS[name]).changed == [], kind
            assert machine.difference(once) == "", kind
            return machine.record(kind)

    kinds: dict[str, list[list[dict[str, Any]]]] = {"new": [], "upgraded": [[{}]]}
    with ThreadPoolExecutor() as pool:
        new, upgraded = pool.map(lambda kind: converged(kind, kinds[kind]), kinds)
    assert nginx_machine.difference(new, upgraded) == ""
