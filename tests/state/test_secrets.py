"""Secrets planted in many places leave no trace in a record, and hostile text does not hold the search for them up."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from test_collector import collect_bytes, write

from tdi.state import collector
from tdi.state.compare import compare
from tdi.state.record import RecordFile
from tdi.state.reports import html, markdown, terminal
from tdi.state.reports import json as json_report

SECRET = "hunter2hunter2"
PLANTED = {
    "/etc/shadow": f"root:$6$salt${SECRET}:19000:0:99999:7:::\n",
    "/etc/gshadow": f"root:{SECRET}::\n",
    "/etc/ssl/private/x.key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n",
    "/etc/app/settings.ini": f"password = {SECRET}\n",
    "/etc/apt/sources.list": f"deb https://me:{SECRET}@example.org/debian trixie main\n",
    "/etc/apt/sources.list.d/x.sources": (
        f"Types: deb\nURIs: https://{SECRET}token@example.org/d\nSuites: sid\nComponents: main\n"
    ),
    "/etc/apt/auth.conf.d/x.conf": f"machine example.org login me password {SECRET}\n",
    "/etc/apt/apt.conf.d/99proxy": f'Acquire::http::Proxy "http://me:{SECRET}@proxy.example.org:3128";\n',
    "/root/.netrc": f"machine example.org login me password {SECRET}\n",
    "/etc/cron.d/x": (
        f"API_TOKEN={SECRET}\n@daily root curl -u me:{SECRET} https://example.org\n"
        f"5 * * * * root curl -H 'Authorization: Bearer {SECRET}' https://x/\n"
    ),
    "/etc/systemd/system/x.service": (
        f"[Service]\nEnvironment=TOKEN={SECRET}\nEnvironment='A={SECRET}'\nExecStart=/bin/x --api-key {SECRET}\n"
    ),
    "/etc/sudoers.d/x": f"deploy ALL=(ALL) NOPASSWD: /bin/x --password={SECRET}\n",
    "/etc/environment": f"SOMETHING={SECRET}\n",
    "/etc/fstab": f"//srv/share /mnt cifs user=me,password={SECRET} 0 0\n",
    "/etc/nginx/site.conf": (
        f'proxy_set_header Authorization "Bearer {SECRET}";\nproxy_set_header X-Auth-Token "{SECRET}";\n'
        f'proxy_set_header Authorization "Basic {SECRET}";\nproxy_pass http://me:{SECRET}@backend/;\n'
        f"secure_link_secret {SECRET};\nset $api_key '{SECRET}';\nset $token {SECRET};\n"
    ),
    "/etc/nginx/key.conf": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----\n",
    "/etc/nginx/.htpasswd": (
        f"anna:$apr1$salt1234${SECRET}\nbert:{{SHA}}{SECRET}=\neve:$6$rounds=5000$salt5678${SECRET}\n"
    ),
}
"""Where there is a secret; the texts below /etc/nginx are allow-listed."""


def reports(a: RecordFile, b: RecordFile) -> dict[str, str]:
    """The comparison of two records in every form."""
    comparison = compare(a, b)
    written = {}
    for verbose in (False, True):
        out = io.StringIO()
        terminal.show(comparison, Console(file=out, width=10_000), verbose=verbose)
        written[f"terminal {verbose}"] = out.getvalue()
    return {
        **written,
        "json": json_report.render(comparison),
        "html": html.render(comparison),
        "markdown": markdown.render(comparison),
    }


@pytest.mark.parametrize("path", PLANTED)
def test_no_planted_secret_is_in_a_record(tmp_path: Path, path: str):
    write(tmp_path, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
    write(tmp_path, path, PLANTED[path])
    raw = collect_bytes(tmp_path, text=["^/etc/nginx/.*$"]).decode("ascii")
    assert path in raw
    assert SECRET not in raw


def test_no_planted_secret_is_in_a_report(tmp_path: Path):
    opened = []
    for name in ("empty", "planted"):
        root = tmp_path / name
        write(root, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
        for path, text in PLANTED.items():
            write(root, path, text if name == "planted" else "# nothing\n")
        (tmp_path / f"{name}.json").write_bytes(collect_bytes(root, text=["^/etc/nginx/.*$"]))
        opened.append(RecordFile(tmp_path / f"{name}.json"))
    with opened[0] as a, opened[1] as b:
        found = reports(a, b)
    assert all("/etc/nginx/site.conf" in text for name, text in found.items() if name != "markdown")
    assert [name for name, text in found.items() if SECRET in text] == []


@pytest.mark.parametrize(
    "text",
    [
        "https://me:one@hunter2@host/x", "https://ghp_0123456789hunter2@example.org/x", '--password="hunter2 and more',
        "X_PASSWORD_1: 'hunter2", "mysqldump -uroot -phunter2 db",
    ],
)  # fmt: skip
def test_less_tidy_secrets_are_redacted(text: str):
    assert "hunter2" not in collector.redact("run " + text)


@pytest.mark.parametrize(
    "text",
    ["proxy_pass http://127.0.0.1:8080;", "server_tokens off;", "rewrite ^/(.*)$ /$1$args;", "ssl_password_file /x;",
     "auth_basic_user_file /etc/nginx/.htpasswd;", "fastcgi_pass unix:/run/php.sock;", "listen 443 ssl;"],
)  # fmt: skip
def test_directives_without_a_secret_stay(text: str):
    assert collector.redact(text) == text


N = 1 << 16
HOSTILE: dict[str, Callable[[], str]] = {
    "one long word": lambda: "a" * N,
    "a name again and again": lambda: "pass" * (N // 4),
    "an option that never ends": lambda: " --" + "pass" * (N // 4),
    "many options": lambda: " --pass-" * (N // 8),
    "many clients": lambda: "mysql -" * (N // 7),
    "many words of a client": lambda: "mysql" + "a-" * (N // 2),
    "many addresses": lambda: "://a:" * (N // 5),
    "blanks": lambda: "pass=" + " " * N,
    "open quotes": lambda: "pass=\"'" * (N // 7),
    "users": lambda: " -u" * (N // 3),
    "directives": lambda: "token " * (N // 6),
    "hashes": lambda: "$6$" + "a$" * (N // 2),
    "many hashes": lambda: "$6$a" * (N // 4),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_search_for_secrets_takes_time_in_proportion_to_the_text(name: str):
    began = time.process_time()
    collector.redact(HOSTILE[name]())
    assert time.process_time() - began < 2
