"""Whether nginx runs with what is written down, by what its probe says it reads: on a real machine."""

import json
from collections.abc import Callable, Iterator

import pytest

from conftest import ROOT
from tdi.images import base_image
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.outside import docker
from tdi.project import Project
from tdi.same_state import kept_records
from tdi.state import recording

pytestmark = pytest.mark.docker

CERTIFICATE = "openssl req -x509 -newkey rsa:2048 -nodes -keyout {0}.key -out {0}.crt -subj /CN=a -days 30 2> /dev/null"
SITE = "server {{ listen 443 ssl; server_name a; ssl_certificate {0}.crt; ssl_certificate_key {0}.key; }}"
TLS = "/etc/ssl/site/a"
RELOAD = "systemctl reload nginx; sleep 1"
SERVE = f"""
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install nginx openssl > /dev/null
mkdir /etc/ssl/site
{CERTIFICATE.format(TLS)}
echo '{SITE.format(TLS)}' > /etc/nginx/conf.d/a.conf
{RELOAD}
"""
LEFT = "/etc/nginx/nginx.conf~ /etc/nginx/conf.d/a.conf.dpkg-dist /etc/nginx/conf.d/a.conf.86.2026-11-26@15:16:20~"


@pytest.fixture(scope="module")
def debt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[str]]]:
    """Run lines of shell on a machine where nginx serves by TLS, and return why nginx should be restarted then."""
    directory = tmp_path_factory.mktemp("debt")
    project = Project(ROOT, directory / "artifacts")
    run_id = lifecycle.new_run_id()
    options = scenario.load(project, "fresh").options
    with lifecycle.one(f"tdi-{run_id}-debt", base_image.ensure(project).id, options, run_id) as machine:

        def after(lines: str) -> list[str]:
            docker.execute(machine, ["sh", "-eu", "-c", lines])
            with recording.record(
                f"docker://{machine}", directory / "r.json", **kept_records.settings(project)
            ) as record:
                assert record.scopes["probes"].reason is None
                found = {key: json.loads(said) for key, said in record.objects("processes")}
            return found["nginx.service|/usr/sbin/nginx"].get("restart_debt", [])

        docker.execute(machine, ["sh", "-eu", "-c", SERVE])
        yield after


@pytest.mark.parametrize(
    ("lines", "reasons"),
    [
        (f"sleep 1; {CERTIFICATE.format(TLS)}", [f"configuration-newer:{TLS}.crt", f"configuration-newer:{TLS}.key"]),
        (RELOAD, []),
        (f"for file in {LEFT}; do echo x > $file; done", []),
        ("echo x > /etc/nginx/unread.conf; echo 'anna:x' > /etc/nginx/.htpasswd", []),
        ("touch /etc/nginx/mime.types", ["configuration-newer:/etc/nginx/mime.types"]),
        (f"{RELOAD}; rm /etc/nginx/sites-enabled/default", ["configuration-removed:/etc/nginx/sites-enabled"]),
        (f"{RELOAD}; ln -s ../sites-available/default /etc/nginx/sites-enabled/b",
         ["configuration-newer:/etc/nginx/sites-enabled/b"]),
    ],
    ids=["renewed certificate", "reload", "left beside", "not read", "included", "site removed", "site added"],
)  # fmt: skip
def test_nginx_is_older_than_what_it_reads_and_than_nothing_else(
    debt: Callable[[str], list[str]], lines: str, reasons: list[str]
):
    assert debt(lines) == reasons


TAKE_OVER = "old=$(cat /run/nginx.pid); kill -USR2 $old; sleep 1; kill -QUIT $old; sleep 1"
DROP_IN = "/etc/systemd/system/nginx.service.d"
HIDE = f"""
mkdir {DROP_IN}
printf '[Service]\\nInaccessiblePaths=/boot\\n' > {DROP_IN}/hide.conf
systemctl daemon-reload
sleep 1
"""
UNIT = "/usr/lib/systemd/system/nginx.service"
ANEW = f"sleep 2; cp --preserve {UNIT} {UNIT}.new; mv {UNIT}.new {UNIT}; systemctl daemon-reload"


def test_a_program_that_took_over_from_itself_has_what_its_unit_said_before(debt: Callable[[str], list[str]]):
    """As it does for an upgrade: the package brings the unit anew, and that is nothing to start it anew for."""
    assert debt(f"systemctl restart nginx; {ANEW}; {TAKE_OVER}") == []
    assert debt(f"{HIDE}{TAKE_OVER}") == ["unit-changed"]
    assert debt("systemctl restart nginx; sleep 1") == []
