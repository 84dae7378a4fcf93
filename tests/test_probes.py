# ruff: noqa: S104 - addresses are compared here, not bound to
"""What the verifier's probe makes of nginx's configuration, and how a probe's script gets to the machine."""

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType

import pytest

from conftest import ROOT
from tdi.errors import TdiError
from tdi.project import Project
from tdi.same_state import kept_records

DUMP = """\
# configuration file /etc/nginx/nginx.conf:
user www-data; # a comment; with { marks }
http {
    types { text/html html; }
    include /etc/nginx/conf.d/*.conf;
    include sites-enabled/*;
}
# configuration file /etc/nginx/conf.d/a.conf:
proxy_set_header Authorization "Basic c2VjcmV0";
log_format plain '$remote_addr "a; b"';
# configuration file /etc/nginx/sites-enabled/two:
server {
    listen 8080;
    listen unix:/run/x.sock;
    server_name two.example.org;
    location / { return 200 "{ok};"; }
    location ~ \\.php$ { include /etc/nginx/snippets/php.conf; }
}
server { root /srv/second; }
# configuration file /etc/nginx/snippets/php.conf:
fastcgi_pass unix:/run/php.sock;
# configuration file /etc/nginx/sites-enabled/one:
server {
    listen [::]:443 ssl;
    root /srv/one/;
    ssl_certificate_key /etc/nginx/tls/one.key;
}
"""

NAMES = ["/etc/nginx/nginx.conf", "/etc/nginx/old.conf", "/etc/nginx/tls/one.key"]


@pytest.fixture(scope="module")
def probe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nginx_probe", ROOT / "molecule/verifier/probes/nginx.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_servers_come_in_nginx_s_order_with_the_files_they_are_from(probe: ModuleType):
    objects, _ = probe.parts(DUMP, NAMES)
    two = "/etc/nginx/sites-enabled/two"
    assert objects["configuration"]["servers"] == ["/etc/nginx/sites-enabled/one", two, f"{two} #2"]
    assert objects[f"server {two}"]["file"] == two
    assert objects[f"server {two}"]["listeners"] == ["tcp 0.0.0.0:8080"]
    assert objects["server /etc/nginx/sites-enabled/one"]["listeners"] == ["tcp [::]:443"]


def test_locations_stay_in_order_and_includes_stand_where_they_are(probe: ModuleType):
    objects, _ = probe.parts(DUMP, NAMES)
    assert objects["server /etc/nginx/sites-enabled/two"]["directives"][-2:] == [
        ["location /", ['return 200 "{ok};"']],
        ["location ~ \\.php$", ["fastcgi_pass unix:/run/php.sock"]],
    ]


def test_what_looks_like_a_secret_is_left_out(probe: ModuleType):
    objects, _ = probe.parts(DUMP, NAMES)
    assert "c2VjcmV0" not in str(objects)
    http = objects["configuration"]["directives"][1][1]
    assert "proxy_set_header Authorization [redacted]" in http
    assert "log_format plain '$remote_addr \"a; b\"'" in http


def test_a_file_that_nothing_reaches_is_named(probe: ModuleType):
    objects, _ = probe.parts(DUMP, NAMES)
    assert [key for key in objects if key.startswith("unreached")] == ["unreached /etc/nginx/old.conf"]


def test_what_paths_mean_to_nginx_is_said_in_words(probe: ModuleType):
    objects, _ = probe.parts(DUMP, NAMES)
    one, two = "/etc/nginx/sites-enabled/one", "/etc/nginx/sites-enabled/two"
    assert objects[f"server {one}"]["says"] == {
        "/srv/one/": "nginx serves what is in /srv/one for server name _",
        "/etc/nginx/tls/one.key": "nginx uses it for server name _",
        one: "nginx serves it for server name _",
    }
    both = "nginx serves it for server names two.example.org, _"
    assert objects[f"server {two}"]["says"] == {two: both}
    assert objects[f"server {two} #2"]["says"][two] == both
    assert objects["unreached /etc/nginx/old.conf"]["says"] == {"/etc/nginx/old.conf": "no include of nginx reaches it"}


def test_what_nginx_reads_once_is_known(probe: ModuleType):
    objects, _ = probe.parts(DUMP, NAMES)
    assert objects["read"]["reads"] == [
        "/etc/nginx/conf.d/*.conf",
        "/etc/nginx/conf.d/a.conf",
        "/etc/nginx/nginx.conf",
        "/etc/nginx/sites-enabled/*",
        "/etc/nginx/sites-enabled/one",
        "/etc/nginx/sites-enabled/two",
        "/etc/nginx/snippets/php.conf",
        "/etc/nginx/tls/one.key",
    ]
    assert objects["read"]["unit"] == "nginx.service"


@pytest.mark.parametrize(
    ("directive", "path"),
    [
        ("ssl_certificate '/etc/ssl/site/a.crt'", "/etc/ssl/site/a.crt"),
        ("ssl_password_file a.pass", "/etc/nginx/a.pass"),
        ("proxy_ssl_trusted_certificate /etc/ssl/ca.pem", "/etc/ssl/ca.pem"),
        ("ssl_certificate /etc/ssl/$ssl_server_name.crt", None),
        ("ssl_certificate_key engine:pkcs11:a", None),
        ("auth_basic_user_file /etc/nginx/.htpasswd", None),
    ],
)
def test_what_is_read_at_each_request_is_in_force_at_once(probe: ModuleType, directive: str, path: str | None):
    dump = f"# configuration file /etc/nginx/nginx.conf:\nhttp {{ server {{ {directive}; }} }}\n"
    objects, _ = probe.parts(dump, [])
    assert objects["read"]["reads"] == sorted(filter(None, ["/etc/nginx/nginx.conf", path]))


def test_many_names_and_paths_that_depend_on_the_request(probe: ModuleType):
    directives = "server_name a b c d e; root /srv/$host; location /x { alias pages/x; } ssl_certificate 'a.crt';"
    (server,) = probe.expanded("/site", {"/site": f"server {{ {directives} }}"})
    names = probe.server_names(server[1])
    assert probe.meanings("/site", server[1], names) == {
        "/etc/nginx/pages/x/": "nginx serves what is in /etc/nginx/pages/x for server names a, b, c, 2 more",
        "/etc/nginx/a.crt": "nginx uses it for server names a, b, c, 2 more",
        "/site": "nginx serves it for server names a, b, c, 2 more",
    }


def test_a_site_that_is_a_link_is_told_by_both_names(probe: ModuleType, tmp_path: Path):
    (tmp_path / "available").touch()
    (tmp_path / "enabled").symlink_to("available")
    said = probe.meanings(str(tmp_path / "enabled"), [], ["x"])
    assert {*said} == {str(tmp_path / "enabled"), str((tmp_path / "available").resolve())}


def test_each_socket_of_each_server_is_asked(probe: ModuleType):
    _, questions = probe.parts(DUMP, NAMES)
    assert [(q.socket, q.name, q.secure, q.files[1:]) for q in questions] == [
        (("[::]", 443), "_", True, ["/srv/one/index.html", "/srv/one"]),
        (("0.0.0.0", 8080), "two.example.org", False, []),
        (("0.0.0.0", 80), "_", False, ["/srv/second/index.html", "/srv/second"]),
    ]


def test_an_address_that_does_not_answer_is_said(probe: ModuleType):
    assert list(probe.ask(("0.0.0.0", 1), "_", "/", secure=False)) == ["error"]


def test_a_machine_without_nginx_gives_a_status(
    probe: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(probe, "PROGRAM", "/nowhere/nginx")
    probe.main()
    said = json.loads(capsys.readouterr().out)
    assert said == {"status": {"value": "nginx is not installed", "file": "/nowhere/nginx"}}


@pytest.mark.parametrize(
    ("said", "files"),
    [
        ('unknown directive "x" in /etc/nginx/conf.d/a.conf:1', ["/etc/nginx/conf.d/a.conf"]),
        (
            'open() "/etc/nginx/sites-enabled/x" failed (2: No such file or directory) in /etc/nginx/nginx.conf:60',
            ["/etc/nginx/sites-enabled/x", "/etc/nginx/nginx.conf"],
        ),
    ],
    ids=["refused", "not there"],
)
def test_a_configuration_that_nginx_refuses_is_a_status_that_names_the_file(
    probe: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    said: str,
    files: list[str],
):
    program = tmp_path / "nginx"
    program.write_text(f"#!/bin/sh\necho '2026/01/01 00:00:00 [emerg] 7#7: {said}' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(probe, "PROGRAM", str(program))
    probe.main()
    said_of_it = capsys.readouterr().out
    assert json.loads(said_of_it)["status"]["files"] == files
    assert "2026" not in said_of_it


def declare(checkout: Project, text: str) -> None:
    (checkout.verifier / "record.yml").write_text(text)


def test_the_script_of_a_probe_is_sent_along(checkout: Project):
    (probe,) = kept_records.settings(checkout)["probes"]
    assert probe["name"] == "nginx"
    assert probe["command"][:1] == ["python3"]
    assert probe["command"][-1] == (ROOT / "molecule/verifier/probes/nginx.py").read_text()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("probes: [x]", "a probe is a mapping"),
        ("probes: [{name: a, script: no.py}]", "the script of the probe 'a' cannot be read"),
        ("probes: [{name: a, script: no.py, command: [x]}]", "both a script and a command"),
        ("probe: []", "unknown key 'probe'"),
    ],
)
def test_a_declaration_that_cannot_be_used_is_an_error_that_says_why(checkout: Project, text: str, what: str):
    declare(checkout, text)
    with pytest.raises(TdiError, match=what):
        kept_records.settings(checkout)


def test_what_a_process_runs_that_is_gone_is_told_by_its_map(probe: ModuleType):
    maps = """\
55e0-55e1 r-xp 00000000 00:2d 1 /usr/sbin/nginx (deleted)
7f00-7f01 r--p 00000000 00:2d 2 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)
7f02-7f03 r-xp 00000000 00:2d 3 /usr/lib/x86_64-linux-gnu/libc.so.6
7f04-7f05 rw-s 00000000 00:01 4 /dev/zero (deleted)
"""
    assert probe.deleted(maps) == ["/usr/lib/x86_64-linux-gnu/libssl.so.3", "/usr/sbin/nginx"]


def test_what_was_written_since_the_workers_began_is_told(probe: ModuleType, tmp_path: Path):
    for name in ("conf.d", "sites"):
        (tmp_path / name).mkdir()
    (tmp_path / "nginx.conf").touch()
    read = [f"{tmp_path}/nginx.conf", f"{tmp_path}/conf.d/*.conf", f"{tmp_path}/gone.conf"]
    written = (tmp_path / "nginx.conf").stat().st_ctime
    assert probe.written_since(written - 9, read) == [f"{tmp_path}/conf.d", f"{tmp_path}/nginx.conf"]
    assert probe.written_since(written + 9, read) == []


def test_nothing_serves_where_there_is_no_nginx(probe: ModuleType):
    assert probe.serving_since("0") == 0.0


def test_a_hard_link_to_a_file_is_no_change_to_it(probe: ModuleType, tmp_path: Path):
    file = tmp_path / "a.conf"
    file.write_text("a")
    os.utime(file, (1, 1))
    assert probe.written_since(2, [str(file)]) == [str(file)]
    os.link(file, tmp_path / "copy")
    assert probe.written_since(2, [str(file)]) == []
