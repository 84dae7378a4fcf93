"""Wrong input of the role fails early and names the variable; what is documented is what is declared.

What needs no Ansible comes first: whoever asks these tests about a mutant stops at the first that fails.
"""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

import plays
from conftest import ROOT

ROLE = ROOT / "roles" / "nginx"
SITE = {"name": "website", "page": "up"}
FILE = "/etc/passwd"
"""A file that there is wherever the tests run."""


def site(**values: Any) -> dict[str, Any]:
    """A site with these keys; None takes one away."""
    return {key: value for key, value in (SITE | values).items() if value is not None}


def sites(*given: Any) -> dict[str, Any]:
    return {"nginx_sites": list(given)}


def other(key: str, value: Any) -> dict[str, Any]:
    return sites(site(page=None, **{key: value}))


WRONG: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no name": (sites(site(name=None)), ("name",)),
    "an empty name": (sites(site(name="")), ("a name is made of", '""')),
    "a name that escapes its directory": (sites(site(name="../x")), ('"../x"',)),
    "a name with a slash": (sites(site(name="a/b")), ('"a/b"',)),
    "a hidden name": (sites(site(name=".x")), ('".x"',)),
    "a name of two dots": (sites(site(name="..")), ('".."',)),
    "a name that is a path": (sites(site(name="/etc")), ('"/etc"',)),
    "a name with a line break": (sites(site(name="a\n")), ("a name is made of",)),
    "a name with a space": (sites(site(name="a b")), ('"a b"',)),
    "a name that reads as another kind of site": (sites(site(name="a.proxy")), ('"a.proxy"', "no kind of site")),
    "a name twice": (sites(SITE, site(port=81)), ("a name is given once", '"website"')),
    "port 0": (sites(site(port=0)), ("a port is a number from 1 to 65535", '"0"')),
    "port 65536": (sites(site(port=65536)), ('"65536"',)),
    "a negative port": (sites(site(port=-1)), ('"-1"',)),
    "a port that is a word": (sites(site(port="http")), ("port", "http")),
    "a port that is a mapping": (sites(site(port={"a": 1})), ("port",)),
    "an address that is a name": (sites(site(address="localhost")), ("an address is", '"localhost"')),
    "an address with a port": (sites(site(address="127.0.0.1:80")), ('"127.0.0.1:80"',)),
    "an address of five parts": (sites(site(address="1.2.3.4.5")), ('"1.2.3.4.5"',)),
    "an address beyond 255": (sites(site(address="1.2.3.256")), ('"1.2.3.256"',)),
    "an address in brackets": (sites(site(address="[::1]")), ('"[::1]"',)),
    "a server name that ends the line": (sites(site(server_names=["a; root /"])), ("a server name is", '"a; root /"')),
    "no server name in the list": (sites(site(server_names=[])), ("server_names has at least one name", "website")),
    "server names that are a mapping": (sites(site(server_names={"a": 1})), ("server_names",)),
    "one server name twice on a port": (
        sites(site(server_names=["a", "b"]), site(name="other", server_names=["b"])),
        ("a server name is given once on an address and port", '"b on port 80"'),
    ),
    "one server name twice in a site": (sites(site(server_names=["a", "a"])), ('"a on port 80"',)),
    "two sites without a name on a port": (sites(SITE, site(name="other")), ('"_ on port 80"',)),
    "two default servers": (
        sites(site(default=True), site(name="other", server_names=["a"], default=True)),
        ("one site is the default of an address and port", '"port 80"'),
    ),
    "a default that is no yes or no": (sites(site(default="perhaps")), ("default", "perhaps")),
    "none of page, root, proxy, redirect": (sites(site(page=None)), ("exactly one of page, root", '"website"')),
    "two of page, root, proxy, redirect": (sites(site(root="/srv/a")), ("exactly one of page, root", "page and root")),
    "a page that is a mapping": (sites(site(page={"a": 1})), ("page and extra are text", '"a"')),
    "a page that is a number": (sites(site(page=1)), ("page and extra are text", "1")),
    "a root elsewhere": (other("root", "/etc"), ("a root is a path below /srv", '"/etc"')),
    "a root that is too wide": (other("root", "/srv"), ('"/srv"',)),
    "a root that escapes": (other("root", "/srv/../etc"), ('"/srv/../etc"',)),
    "a root that is relative": (other("root", "srv/a"), ('"srv/a"',)),
    "a root that ends the line": (other("root", "/srv/a; b"), ('"/srv/a; b"',)),
    "a proxy without a scheme": (other("proxy", "127.0.0.1:80"), ("a proxy is the URL", '"127.0.0.1:80"')),
    "a proxy that ends the line": (other("proxy", "http://a;b"), ('"http://a;b"',)),
    "a redirect to nowhere": (other("redirect", "https://"), ("a redirect is a URL", '"https://"')),
    "a redirect with a variable": (other("redirect", "https://$host"), ('"https://$host"',)),
    "tls without a key": (sites(site(tls={"certificate": FILE})), ("tls", "key")),
    "tls without a certificate": (sites(site(tls={"key": FILE})), ("tls", "certificate")),
    "tls with another key": (sites(site(tls={"certificate": FILE, "key": FILE, "pem": "x"})), ("tls", "pem")),
    "a certificate by a relative path": (
        sites(site(tls={"certificate": "a.crt", "key": FILE})),
        ("certificate and key of tls are absolute paths", '"a.crt"'),
    ),
    "a certificate that is missing": (
        sites(site(tls={"certificate": "/nowhere/a.crt", "key": FILE})),
        ("files on the server", "missing: /nowhere/a.crt"),
    ),
    "extra that is a list": (sites(site(extra=["a"])), ("extra",)),
    "a key that is not known": (sites(site(ports=[80])), ("ports",)),
    "the former key for names": (sites(site(server_name="_")), ("server_name", "server_names")),
    "a mapping instead of a list": ({"nginx_sites": SITE}, ("nginx_sites",)),
    "a list of words": (sites("website"), ("nginx_sites",)),
    "directives that are a list": ({"nginx_http_extra": ["gzip on;"]}, ("nginx_http_extra",)),
    "an upgrade that is no yes or no": ({"nginx_upgrade": "perhaps"}, ("nginx_upgrade", "perhaps")),
    "IPv6 that is no yes or no": ({"nginx_ipv6": "perhaps"}, ("nginx_ipv6", "perhaps")),
    "an owner of two words": ({"nginx_owner": "a-b"}, ("nginx_owner", "it is a word", '"a-b"')),
    "an empty owner": ({"nginx_owner": ""}, ("nginx_owner", '""')),
    "an owner that is a path": ({"nginx_owner": "../a"}, ("nginx_owner", '"../a"')),
    "a platform that is not supported": (
        {"__nginx_platform": "fedora 44"},
        ("This machine is fedora 44", "debian 12, debian 13, ubuntu 22.04, ubuntu 24.04"),
    ),
}

RIGHT: dict[str, dict[str, Any]] = {
    "the defaults": {},
    "one site": sites(SITE),
    "no site": sites(),
    "names with dots and dashes": sites(site(name="a.b-c_d")),
    "a port as text": sites(site(port="8080")),
    "the largest port": sites(site(port=65535)),
    "two server names on a port": sites(SITE, site(name="other", server_names=["*.example.org", "example.org"])),
    "one server name on two ports": sites(SITE, site(name="other", port=81)),
    "one server name on two addresses": sites(site(address="127.0.0.1"), site(name="other", address="::1")),
    "two default servers on two ports": sites(site(default=True), site(name="other", port=81, default=True)),
    "tls, which has a port of its own": sites(SITE, site(name="tls", tls={"certificate": FILE, "key": FILE})),
    "an empty page": sites(site(page="")),
    "a root": other("root", "/var/www/example.org/current"),
    "a proxy with a path": other("proxy", "http://[::1]:3000/app/"),
    "a redirect": other("redirect", "https://example.org"),
    "extra": sites(site(extra="client_max_body_size 9m;\n")),
    "another owner": {"nginx_owner": "shop"},
    "no as a word": {"nginx_upgrade": "no", "nginx_ipv6": "no"},
}


def declared() -> dict[str, Any]:
    return yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]


def test_every_default_is_declared_and_is_the_same():
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert {name: option.get("default") for name, option in declared().items() if "default" in option} == defaults


def rows(readme: str) -> list[tuple[str, str]]:
    """Name and default of each row of the README's tables."""
    cells = [[cell.strip() for cell in line.split("|")] for line in readme.splitlines() if line.startswith("| `")]
    return [(row[1].strip("`"), row[-2]) for row in cells]


def leaves(options: dict[str, Any]) -> dict[str, Any]:
    """Every option with those below it, in order."""
    found: dict[str, Any] = {}
    for name, spec in options.items():
        found |= {name: spec} | leaves(spec.get("options", {}))
    return found


def test_the_readme_has_every_variable_and_every_key_and_no_other():
    readme = (ROLE / "README.md").read_text()
    assert [name for name, _ in rows(readme)] == sorted(
        leaves(declared()), key=lambda name: (not name.startswith("nginx_"),)
    )


def test_the_readme_has_the_values_of_the_defaults():
    said = dict(rows((ROLE / "README.md").read_text()))
    for name, spec in leaves(declared()).items():
        if "default" in spec and name != "nginx_sites":
            assert said[name].split("`")[1] == json.dumps(spec["default"]), name
        elif spec.get("required"):
            assert said[name] == "required", name


def test_every_option_says_type_and_meaning():
    assert [name for name, spec in leaves(declared()).items() if not {"type", "description"} <= set(spec)] == []


def test_the_values_that_a_site_need_not_say_are_the_declared_ones():
    unsaid = re.search(r"set unsaid = (\{.*?\}) -%", (ROLE / "vars" / "main.yml").read_text(), re.DOTALL)
    assert unsaid
    options = declared()["nginx_sites"]["options"]
    for name, spec in options.items():
        if "default" in spec:
            said = re.search(rf"'{name}': (\[.*?\]|'.*?'|\w+)", unsaid[1])
            assert said
            assert yaml.safe_load(said[1]) == spec["default"], name


def test_no_more_than_five_variables_and_three_hundred_lines():
    assert len(declared()) <= 5
    files = [file for part in ("tasks", "handlers", "templates") for file in (ROLE / part).glob("*")]
    assert sum(len(file.read_text().splitlines()) for file in files) < 300


def test_the_platforms_are_those_of_the_meta_data():
    names = {"trixie": "debian 13", "bookworm": "debian 12", "noble": "ubuntu 24.04", "jammy": "ubuntu 22.04"}
    meta = yaml.safe_load((ROLE / "meta" / "main.yml").read_text())["galaxy_info"]["platforms"]
    known = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__nginx_platforms"]
    assert sorted(names[version] for platform in meta for version in platform["versions"]) == known


def test_the_examples_of_the_readme_are_right_input():
    examples = re.findall(r"```yaml\n(.*?)```", (ROLE / "README.md").read_text(), re.DOTALL)
    plays_of_it = [play for example in examples for play in yaml.safe_load(example)]
    keys = declared()["nginx_sites"]["options"]
    for role in (role for play in plays_of_it for role in play["roles"]):
        assert set(role) <= {"role", *declared()}
        for each in role["nginx_sites"]:
            assert set(each) <= set(keys)
            assert {name for name, spec in keys.items() if spec.get("required")} <= set(each)


def test_every_task_that_writes_a_file_says_owner_group_and_mode():
    for file in (ROLE / "tasks").glob("*.yml"):
        for task in yaml.safe_load(file.read_text()):
            for module in ("ansible.builtin.copy", "ansible.builtin.template"):
                if module in task:
                    assert {"owner", "group", "mode"} <= set(task[module]), task["name"]


CASES = {**{name: given for name, (given, _) in WRONG.items()}, **RIGHT}
AT_ONCE = 16
"""Cases of one run: whoever stops at the first test that fails has not waited for all of them."""


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """What the role says to the input of a case: an empty text where it gets as far as its installation."""
    known: dict[str, str] = {}

    def of(name: str) -> str:
        if name not in known:
            number = [*CASES].index(name) // AT_ONCE
            names = [*CASES][number * AT_ONCE : (number + 1) * AT_ONCE]
            known.update(_answers(tmp_path_factory.mktemp("input"), names))
        return known[name]

    return of


def _answers(directory: Path, names: Sequence[str]) -> dict[str, str]:
    """What the role says to some of the cases, in one run of Ansible."""
    # The role as it is, but for what follows after the input was checked.
    role = directory / "roles" / "nginx"
    for part in ("defaults", "meta", "vars"):
        (role / part).mkdir(parents=True)
        for file in (ROLE / part).iterdir():
            (role / part / file.name).write_text(file.read_text())
    (role / "tasks").mkdir()
    (role / "tasks" / "input.yml").write_text((ROLE / "tasks" / "input.yml").read_text())
    first = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text())[0]
    (role / "tasks" / "main.yml").write_text(yaml.safe_dump([first]))
    said = "{{ said | default({}) | combine({name: [failed.msg | default('')] + loops}) }}"
    facts = {
        "failed": "{{ ansible_failed_result }}",
        "loops": "{{ failed.results | default([]) | map(attribute='msg', default='') | list }}",
    }
    tasks: list[dict[str, Any]] = [
        {
            "vars": {"__nginx_platform": "debian 13"} | CASES[name],
            "block": [{"ansible.builtin.include_role": {"name": "nginx"}}],
            "rescue": [{"ansible.builtin.set_fact": {"said": said}, "vars": {"name": name, **facts}}],
        }
        for name in names
    ]
    tasks.append(
        {
            "ansible.builtin.copy": {
                "dest": str(directory / "said.json"),
                "content": "{{ said | default({}) | to_json }}",
            }
        }
    )
    plays.run(directory, tasks)
    answered = json.loads((directory / "said.json").read_text())
    return dict.fromkeys(names, "") | {name: "\n".join(map(str, texts)) for name, texts in answered.items()}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_turned_away_with_variable_value_and_what_is_accepted(answer: Callable[[str], str], name: str):
    given, said = WRONG[name]
    assert [text for text in said if text not in answer(name)] == []
    assert all(variable in answer(name) for variable in given if not variable.startswith("__"))


@pytest.mark.parametrize("name", RIGHT)
def test_right_input_is_taken(answer: Callable[[str], str], name: str):
    assert answer(name) == ""
