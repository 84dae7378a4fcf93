"""The role on a real machine: what it removes, what it loses, what it does where nginx or the mirror refuses."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nginx_machine
from conftest import ROOT
from nginx_machine import Machine
from tdi.outside import docker

pytestmark = [pytest.mark.docker, pytest.mark.nightly]

WEBSITE = {"name": "website", "page": "first\n"}
FORMER = """
cat > /etc/nginx/sites-enabled/ansible-{0} <<'END'
# The role nginx overwrites changes made here.
server {{ listen {1}; listen [::]:{1}; server_name _; root /srv/{0}; index index.html; }}
END
mkdir -p /srv/{0}; echo former > /srv/{0}/index.html
"""
"""A site as the role laid it out before it had links."""
CERTIFICATE = "openssl req -x509 -newkey rsa:2048 -nodes -keyout {0}.key -out {0}.crt -subj /CN=a -days 30 2> /dev/null"
BEGIN = (
    """
apt-get -qq update
version=$(apt-cache madison nginx | tail -n 1 | cut -d '|' -f 2 | tr -d ' ')
DEBIAN_FRONTEND=noninteractive apt-get -qq install nginx=$version nginx-common=$version openssl curl > /dev/null
rm /etc/nginx/sites-enabled/default
"""
    + FORMER.format("website", 80)
    + FORMER.format("gone", 81)
    + FORMER.format("shared", 82)
    + """
echo x > /srv/shared/of-somebody.txt
echo 'server { listen 8099; return 204; }' > /etc/nginx/sites-enabled/default-of-somebody
head -c 20000000 /dev/zero > /srv/website/large
systemctl reload nginx
"""
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with the nginx that the release came with, and sites as the role wrote them before."""
    with nginx_machine.new(tmp_path_factory.mktemp("role")) as here:
        here.shell(BEGIN)
        yield here


def test_a_newer_nginx_and_the_new_layout_lose_no_request_and_cut_no_download(machine: Machine):
    machine.lost(WEBSITE)
    program = machine.shell("readlink /proc/$(cat /run/nginx.pid)/exe").strip()
    assert program == "/usr/sbin/nginx"
    policy = machine.shell("LC_ALL=C apt-cache policy nginx")
    assert re.findall(r"Installed: (.*)", policy) == re.findall(r"Candidate: (.*)", policy)
    found = machine.shell("find /srv /etc/nginx/sites-* -not -type d | sort").split()
    assert found == [
        "/etc/nginx/sites-available/ansible-website",
        "/etc/nginx/sites-available/default",
        "/etc/nginx/sites-enabled/ansible-website",
        "/etc/nginx/sites-enabled/default-of-somebody",
        "/srv/shared/of-somebody.txt",
        "/srv/website/index.html",
        "/srv/website/large",
    ]
    assert machine.sites(WEBSITE).changed == []


def test_a_renamed_site_loses_no_request(machine: Machine):
    report = machine.lost({"name": "home", "page": "second\n"}, download=False)
    assert "b'second" in report
    assert machine.shell("ls /srv/website") == "large\n"
    assert machine.sites(WEBSITE).code == 0


def test_what_nginx_refuses_is_put_back_with_its_message_and_repaired_by_the_next_run(machine: Machine):
    machine.sites(WEBSITE)
    broken = {"name": "broken", "port": 8090, "page": "never\n", "extra": "nonsense on;"}
    for _ in range(2):
        ran = machine.sites({"name": "website", "page": "not yet\n"}, broken)
        assert 'unknown directive "nonsense" in /etc/nginx/sites-enabled/ansible-broken:' in ran.failed
        assert "first" in machine.get("localhost")
        assert machine.shell("ls /etc/nginx/sites-enabled").split() == ["ansible-website", "default-of-somebody"]
    ran = machine.sites(WEBSITE)
    assert ran.changed == [
        "Remove the pages, and their directories unless somebody else put files there",
        "Forget the sites",
    ]
    assert machine.shell("find /srv /etc/nginx -name '*broken*'") == ""


def test_of_two_hundred_thousand_requests_none_is_lost_while_production_changes_and_changes_back(machine: Machine):
    machine.shell(CERTIFICATE.format("/etc/ssl/load"))
    tls = {"name": "tls", "tls": {"certificate": "/etc/ssl/load.crt", "key": "/etc/ssl/load.key"}}
    extra = {"name": "extra", "port": 8097, "page": "extra\n"}
    first = [WEBSITE, tls | {"page": "first\n"}, extra]
    second = [
        {"name": "home", "page": "second\n", "extra": "gzip off;"},
        tls | {"page": "second\n", "extra": "gzip off;"},
        extra | {"name": "renamed"},
    ]
    assert machine.sites(*first).code == 0
    report = machine.lost_between(first, second, 200_000, 443)
    answers = {body for body in re.findall(r"answers began (b'.*')", report) if "405" not in body}
    assert answers == {"b'first\\n'", "b'second\\n'"}
    assert machine.sites(WEBSITE).code == 0


def test_a_taken_port_fails_each_run_until_it_is_free(machine: Machine):
    machine.sites(WEBSITE)
    docker.execute(machine.name, ["systemd-run", "--quiet", "--unit=other", "python3", "-m", "http.server", "9090"])
    wanted = [{"name": "website", "page": "not yet\n"}, {"name": "taken", "port": 9090, "page": "taken\n"}]
    for _ in range(2):
        ran = machine.sites(*wanted)
        assert "bind() to 0.0.0.0:9090 failed (98: Address already in use)" in ran.failed
        assert "first" in machine.get("localhost")
    machine.shell("systemctl stop other")
    assert machine.sites(*wanted).code == 0
    assert "taken" in machine.get("localhost:9090")
    assert machine.sites(*wanted).changed == []


def test_a_reload_that_was_lost_is_made_up_for(machine: Machine):
    machine.sites(WEBSITE)
    machine.shell("sleep 0.1; touch /etc/nginx/mime.types")
    assert machine.sites(WEBSITE).changed == ["Run nginx with the configuration"]
    assert machine.sites(WEBSITE).changed == []


def test_a_certificate_that_was_renewed_is_loaded_and_a_key_that_does_not_fit_is_refused(machine: Machine):
    machine.shell(f"{CERTIFICATE.format('/etc/ssl/a')}; {CERTIFICATE.format('/etc/ssl/b')}")
    site = {"name": "tls", "page": "secret\n", "tls": {"certificate": "/etc/ssl/a.crt", "key": "/etc/ssl/a.key"}}
    assert machine.sites(WEBSITE, site).code == 0
    assert "secret" in machine.get("https://localhost")
    machine.shell(CERTIFICATE.format("/etc/ssl/a"))
    assert machine.sites(WEBSITE, site).changed == ["Run nginx with the configuration"]
    ran = machine.sites(WEBSITE, site | {"tls": {"certificate": "/etc/ssl/a.crt", "key": "/etc/ssl/b.key"}})
    assert "key values mismatch" in ran.failed
    assert "secret" in machine.get("https://localhost")


def test_a_port_that_changes_from_all_addresses_to_one_is_had(machine: Machine):
    assert machine.sites(WEBSITE).code == 0
    assert machine.sites(WEBSITE | {"address": "127.0.0.1"}).code == 0
    assert "127.0.0.1:80 " in machine.shell("ss -Hltn")
    assert machine.sites(WEBSITE | {"address": "127.0.0.1"}).changed == []
    assert machine.sites(WEBSITE).code == 0
    assert "0.0.0.0:80 " in machine.shell("ss -Hltn")


def test_a_killed_nginx_is_started(machine: Machine):
    machine.sites(WEBSITE)
    machine.shell("kill -KILL $(cat /run/nginx.pid); sleep 0.5")
    assert machine.sites(WEBSITE).changed == ["Run nginx with the configuration"]
    assert "first" in machine.get("localhost")


def test_a_mirror_that_is_down_keeps_nobody_from_a_configuration(machine: Machine):
    machine.sites(WEBSITE)
    machine.shell("mkdir /root/apt; mv /etc/apt/sources.list* /root/apt")
    machine.shell("echo 'deb http://127.0.0.1:9 stable main' > /etc/apt/sources.list")
    try:
        ran = machine.sites({"name": "website", "page": "without a mirror\n", "port": 8091})
        assert "nginx is configured as declared, but may be old" in ran.failed
        assert "Unable to connect to 127.0.0.1:9" in ran.failed
        assert "without a mirror" in machine.get("localhost:8091")
        ran = machine.sites(WEBSITE, nginx_upgrade=False)
        assert (ran.code, ran.failed) == (0, "")
    finally:
        machine.shell("rm /etc/apt/sources.list; mv /root/apt/* /etc/apt; rmdir /root/apt")


ALL = [
    {"name": "website", "page": "all\n", "default": True},
    {"name": "named", "server_names": ["a.example.org", "*.b.example.org"], "root": "/srv/named", "extra": "gzip off;"},
    {"name": "proxy", "server_names": ["proxy.example.org"], "proxy": "http://127.0.0.1:8092"},
    {"name": "redirect", "server_names": ["old.example.org"], "redirect": "https://example.org/"},
    {"name": "local", "address": "127.0.0.1", "port": 8092, "page": "local\n"},
    {"name": "local6", "address": "::1", "port": 8092, "page": "local6\n"},
]


def test_all_options_at_once_and_check_mode_foresees_what_changes(machine: Machine):
    machine.sites(WEBSITE, {"name": "leaving", "port": 8093, "page": "x"}, {"name": "other", "port": 8094, "page": "x"})
    machine.shell("mkdir -p /srv/named; echo named > /srv/named/index.html; echo x > /srv/other/of-somebody")
    given = {"nginx_sites": ALL, "nginx_http_extra": "log_format plain '$status';", "nginx_ipv6": False}
    before = machine.record("before")
    foreseen = machine.run(given, options=("--check",))
    assert machine.difference(before) == ""
    ran = machine.run(given)
    assert ran.code == foreseen.code == 0
    assert ran.changed == foreseen.changed
    assert machine.run(given).changed == []
    assert "named" in machine.get("localhost", "-H 'Host: x.b.example.org'")
    assert "local" in machine.get("localhost", "-H 'Host: proxy.example.org'")
    assert "ocation: https://example.org/x?y" in machine.get("'localhost/x?y'", "-H 'Host: old.example.org'")
    assert "all" in machine.get("localhost", "-H 'Host: nobody'")
    assert "local6" in machine.get("'http://[::1]:8092'")
    assert "[::]:80 " not in machine.shell("ss -Hltn")
    assert machine.shell("ls /srv/other; ls /srv | grep leaving || true") == "of-somebody\n"


def test_several_callers_leave_each_other_s_sites_alone(machine: Machine):
    shop = {"nginx_owner": "shop", "nginx_sites": [{"name": "shop", "port": 8095, "page": "shop\n"}]}
    blog = {"nginx_owner": "blog", "nginx_sites": [{"name": "blog", "port": 8096, "page": "blog\n"}]}
    assert machine.run({"nginx_sites": [WEBSITE]}, shop, blog).code == 0
    assert machine.run({"nginx_sites": [WEBSITE]}, shop, blog).changed == []
    assert "shop" in machine.get("localhost:8095")
    machine.run(shop | {"nginx_sites": []}, blog | {"nginx_sites": []})
    assert machine.shell("ls /srv | grep -E 'shop|blog' || true; ls /etc/nginx/sites-available") == (
        "ansible-website\ndefault\n"
    )


def test_bad_input_changes_nothing(machine: Machine):
    machine.sites(WEBSITE)
    before = machine.record("before")
    wrong: list[dict[str, Any]] = [
        {"nginx_sites": [WEBSITE | {"root": "/srv/a"}]},
        {"nginx_sites": [WEBSITE | {"ports": [80]}]},
        {"nginx_sites": [WEBSITE, {"name": "b", "page": "b", "port": "http"}]},
        {"nginx_sites": [WEBSITE | {"tls": {"certificate": "/nowhere/a.crt", "key": "/nowhere/a.key"}}]},
        {"nginx_owner": "a/b"},
        {"nginx_upgrade": "perhaps"},
    ]
    for given in wrong:
        ran = machine.run(given)
        assert (ran.code, ran.changed) == (2, [])
        assert next(iter(given)) in ran.failed
    assert machine.difference(before) == ""


def test_the_archive_of_the_role_is_the_role_alone_and_works(machine: Machine, tmp_path: Path):
    archive = tmp_path / "nginx-role.tar.gz"
    line = re.search(r"git archive (.*) HEAD:roles/nginx", (ROOT / "Makefile").read_text())
    assert line
    words = line[1].replace("artifacts/nginx-role.tar.gz", str(archive)).split()
    subprocess.run(["git", "archive", *words, "HEAD:roles/nginx"], cwd=ROOT, check=True)
    galaxy = [
        str(Path(sys.executable).parent / "ansible-galaxy"),
        "role",
        "install",
        "--roles-path",
        str(tmp_path / "roles"),
    ]
    subprocess.run([*galaxy, f"{archive},,nginx"], check=True, capture_output=True)
    committed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "HEAD:roles/nginx"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    installed = {
        str(path.relative_to(tmp_path / "roles")) for path in (tmp_path / "roles").rglob("*") if path.is_file()
    }
    expected = {f"nginx/{name}" for name in [*committed.stdout.split(), "LICENSE", "meta/.galaxy_install_info"]}
    assert installed == expected
    machine.sites(WEBSITE)
    play = machine.command([{"nginx_sites": [WEBSITE]}])
    done = subprocess.run(
        play,
        env=machine.environment | {"ANSIBLE_ROLES_PATH": str(tmp_path / "roles")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout)["stats"][machine.name] | {"ok": 0, "skipped": 0} == dict.fromkeys(
        ("changed", "failures", "ignored", "ok", "rescued", "skipped", "unreachable"), 0
    )
