"""Secrets planted in many places leave no trace in a record, and hostile text does not hold the search for them up."""

import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from by_program import collect, collect_bytes, write
from rich.console import Console

from tdi.collector.redaction import redact
from tdi.collector.scopes.processes import in_quotes
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
    "/etc/sudoers": f"deploy ALL=(ALL) NOPASSWD: /bin/x --password={SECRET}, /usr/bin/mysql -p{SECRET}\n",
    "/etc/modprobe.d/x.conf": f"options x password={SECRET}\n",
    "/root/.ssh/authorized_keys": f'command="x --token {SECRET}" ssh-ed25519 AAAA token={SECRET}\n',
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


LESS_TIDY = """\
https://me:one@hunter2@host/x
https://ghp_0123456789hunter2@example.org/x
--password="hunter2 and more
X_PASSWORD_1: 'hunter2
mysqldump -uroot -phunter2 db
mariadb-dump -phunter2 db
mongodump -u x -p hunter2
sshpass -phunter2 ssh x
docker login -u me -p hunter2 registry
docker run -e KEY=hunter2 -p 80:80 x
podman run --env SOMETHING="hunter2" x
curl --proxy-user me:hunter2 https://x
curl -U me:hunter2 https://x
curl "https://x/?a=1&sig=hunter2&b=2"
curl -H "Authorization: Custom hunter2" https://x
curl -H "Cookie: a=hunter2; b=hunter2" https://x
curl -b session=hunter2 https://x
redis-cli -a hunter2 ping
redis-server --requirepass hunter2
REDISCLI_AUTH=hunter2 redis-cli
snmpget -v3 -u me -A hunter2 -X hunter2 host
snmpwalk -v2c -c hunter2 host
ldapsearch -D cn=x -w hunter2 -b y
smbclient //host/share -U user%hunter2
openssl enc -k hunter2
ssh-keygen -N hunter2 -f x
unzip -P hunter2 x.zip
mosquitto_pub -u me -P hunter2 -t x
useradd -p 'hunter2' x
htpasswd -bc /etc/x user hunter2
echo root:hunter2 | chpasswd
requirepass hunter2
PresharedKey = hunter2
psk="hunter2"
app --encryption-key=hunter2
app --jwt hunter2
password => hunter2
proxy_set_header Cookie "sid=hunter2; x=hunter2";
proxy_set_header Authorization hunter2;
if ($http_x_api_key != "hunter2") {
rocommunity hunter2 10.0.0.0/8
net.ipv4.tcp_fastopen_key = hunter2
https://hooks.slack.com/services/T000/B000/hunter2
options x key=hunter2
""".splitlines()


@pytest.mark.parametrize("text", LESS_TIDY)
def test_less_tidy_secrets_are_redacted(text: str):
    assert "hunter2" not in redact("run " + text)


ORDINARY = """\
proxy_pass http://127.0.0.1:8080;
server_tokens off;
rewrite ^/(.*)$ /$1$args;
ssl_password_file /x;
auth_basic_user_file /etc/nginx/.htpasswd;
fastcgi_pass unix:/run/php.sock;
listen 443 ssl;
proxy_set_header Host $host;
proxy_set_header Authorization "";
proxy_set_header Authorization $http_authorization;
proxy_cache_key $scheme$host$uri;
passwd:         files systemd
Defaults passwd_tries=3
deploy ALL=(ALL) NOPASSWD: /usr/bin/systemctl restart nginx
user ALL=(ALL) PASSWD: ALL
PasswordAuthentication no
app --path=/srv -p 8080 --max-tokens=400 --tokenizer=bpe
app --token-limit 5 --secret-name=db --passive --bypass=yes
app --password-file=/etc/x --credentials-file /run/x --private-key=/etc/x.key
app --password "$PASSWORD" --auth basic
java -Dapp.passwordPolicy=strict -jar x
sudo -u www-data php x
docker run -u 1000:1000 -p 80:80 -e TZ=UTC x
chroot --userspec=x -u www-data:www-data
curl -u me -b cookies.txt -o /dev/null https://example.org/health
mysql -P 3306 -p db -e 'select 1'
psql -p 5433 -U postgres -w
redis-cli -h 10.0.0.1 -p 6379 -n 2
ssh -p 2222 -N host
cp -p a b
snmpd -c /etc/snmp/snmpd.conf
memcached -m 64 -p 11211 -u memcache -c 1024
openssl req -newkey rsa:2048 -nodes -keyout x -passin file:/x
ldapsearch -x -W -b dc=x
rsync --password-file=/etc/rsync.pw /a rsync://b
""".splitlines()


@pytest.mark.parametrize("text", ORDINARY)
def test_what_is_no_secret_stays_so_that_a_difference_in_it_is_found(text: str):
    assert redact("run " + text) == "run " + text


def test_a_secret_of_several_words_is_known_by_its_place_in_the_command_line():
    words = ["app", "--password", "two hunter2", "-x", 'say "hunter2"', "-y"]
    line = " ".join([words[0], *map(in_quotes, words[1:])])
    assert redact(line) == "app --password [redacted] -x 'say \"hunter2\"' -y"


def test_no_secret_is_in_what_a_probe_says(tmp_path: Path):
    said = {
        "tree": {"lines": ["set $token hunter2;", ["server", ["listen 80;"]]], "password": "hunter2"},
        "b": "key=hunter2",
    }
    probe = {"name": "x", "command": ["echo", json.dumps(said)]}
    found = collect(tmp_path, scopes=["probes"], probes=[probe])["probes"]["objects"]
    assert found == {
        "x/tree": {"lines": ["set $token [redacted];", ["server", ["listen 80;"]]], "password": "[redacted]"},
        "x/b": {"value": "key=[redacted]"},
    }


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
    "cookies": lambda: "cookie: " + "a=b; " * (N // 5),
    "a cookie without end": lambda: "cookie: " + "a=" * (N // 2),
    "variables of a container": lambda: " -e A" * (N // 5),
    "an option of one letter": lambda: "htpasswd -" + "b" * N,
    "many commands": lambda: "echo " * (N // 5),
    "capital letters": lambda: "A_AUTH" * (N // 6),
    "many clients with options": lambda: "mongo -p " * (N // 9),
    "parts of a client's name": lambda: "mysql-a" * (N // 7),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_search_for_secrets_takes_time_in_proportion_to_the_text(name: str):
    began = time.process_time()
    redact(HOSTILE[name]())
    assert time.process_time() - began < 2
