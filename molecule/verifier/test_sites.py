"""The sites: what each answers over HTTP, and that no other site of the role or of the distribution is left."""

import json
import shlex
from http import HTTPStatus
from typing import Any

import pytest
from declared import SITES

# Runs in the machine, which has Python for Ansible but no HTTP client. One process asks all the questions.
ASK = """
import http.client, json, sys
answers = []
for site, server_name, port, path in json.loads(sys.argv[1]):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": server_name})
        response = connection.getresponse()
        answer = [response.status, response.getheader("Content-Type"), response.read().decode()]
    except OSError as error:
        answer = [0, None, str(error)]
    answers.append([site, path, answer])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(host: Any) -> dict[tuple[str, str], list[Any]]:
    """Return status, content type and body that each site gave for a path, by the site's name and the path."""
    questions = json.dumps([(s.name, s.server_name, s.port, path) for s in SITES for path in ("/", "/nowhere")])
    given = host.check_output(f"python3 -c {shlex.quote(ASK)} {shlex.quote(questions)}")
    return {(site, path): answer for site, path, answer in json.loads(given)}


def test_each_site_serves_its_page(answers: dict[tuple[str, str], list[Any]]) -> None:
    for site in SITES:
        assert answers[site.name, "/"] == [200, "text/html", site.page]


def test_no_site_serves_a_page_that_is_not_there(answers: dict[tuple[str, str], list[Any]]) -> None:
    for site in SITES:
        assert answers[site.name, "/nowhere"][0] == HTTPStatus.NOT_FOUND


def test_only_declared_sites_are_left(host: Any) -> None:
    found = host.check_output("find /etc/nginx/sites-* /etc/nginx/conf.d -name default -o -name 'ansible-*'").split()
    declared = [path for site in SITES for path in (site.configuration, site.link)]
    assert sorted(found) == sorted([*declared, "/etc/nginx/sites-available/default"])
