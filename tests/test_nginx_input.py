"""Wrong input of the role fails early and names the variable; what is documented is what is declared."""

import json
import re
from typing import Any

import pytest
import yaml

import plays
from conftest import ROOT

ROLE = ROOT / "roles" / "nginx"
SITE = {"name": "website", "server_name": "_", "port": 80, "page": "up"}


def site(**values: Any) -> dict[str, Any]:
    return SITE | values


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in SITE.items() if name != key}


WRONG: dict[str, tuple[Any, str]] = {
    "no name": ([without("name")], "name"),
    "an empty name": ([site(name="")], "a name is made of"),
    "a name that escapes its directory": ([site(name="../x")], '"../x"'),
    "a name with a slash": ([site(name="a/b")], '"a/b"'),
    "a hidden name": ([site(name=".x")], '".x"'),
    "a name of two dots": ([site(name="..")], '".."'),
    "a name that is a path": ([site(name="/etc")], '"/etc"'),
    "a name with a line break": ([site(name="a\n")], "a name is made of"),
    "a name with a space": ([site(name="a b")], '"a b"'),
    "a name twice": ([SITE, site(port=81)], "a name is given once"),
    "no port": ([without("port")], "port"),
    "port 0": ([site(port=0)], "a port is a number from 1 to 65535"),
    "port 65536": ([site(port=65536)], '"65536"'),
    "a negative port": ([site(port=-1)], '"-1"'),
    "a port that is a word": ([site(port="http")], "port"),
    "no server name": ([without("server_name")], "server_name"),
    "a server name that ends the line": ([site(server_name="a; root /")], "a server name is"),
    "one server name twice on a port": ([SITE, site(name="other")], "a server name is given once on a port"),
    "no page": ([without("page")], "page"),
    "a page that is a mapping": ([site(page={"a": 1})], "page"),
    "a key that is not known": ([site(ports=[80])], "ports"),
    "a mapping instead of a list": (SITE, "nginx_sites"),
    "a list of words": (["website"], "nginx_sites"),
}

RIGHT: dict[str, Any] = {
    "one site": [SITE],
    "no site": [],
    "names with dots and dashes": [site(name="a.b-c_d")],
    "a port as text": [site(port="8080")],
    "the largest port": [site(port=65535)],
    "two server names on a port": [SITE, site(name="other", server_name="*.example.org")],
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the role says to each input, in one run: an empty text where it gets as far as its installation."""
    directory = tmp_path_factory.mktemp("input")
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
    cases = {**{name: sites for name, (sites, _) in WRONG.items()}, **RIGHT}
    said = "{{ said | default({}) | combine({name: [failed.msg | default('')] + loops}) }}"
    facts = {
        "failed": "{{ ansible_failed_result }}",
        "loops": "{{ failed.results | default([]) | map(attribute='msg', default='') | list }}",
    }
    tasks: list[dict[str, Any]] = [
        {
            "vars": {"nginx_sites": sites},
            "block": [{"ansible.builtin.include_role": {"name": "nginx"}}],
            "rescue": [{"ansible.builtin.set_fact": {"said": said}, "vars": {"name": name, **facts}}],
        }
        for name, sites in cases.items()
    ]
    tasks.append({"ansible.builtin.copy": {"dest": str(directory / "said.json"), "content": "{{ said | to_json }}"}})
    plays.run(directory, tasks)
    answered = json.loads((directory / "said.json").read_text())
    return dict.fromkeys(cases, "") | {name: "\n".join(map(str, texts)) for name, texts in answered.items()}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_turned_away_with_the_variables_name(answers: dict[str, str], name: str):
    assert WRONG[name][1] in answers[name]
    assert "nginx_sites" in answers[name]


@pytest.mark.parametrize("name", RIGHT)
def test_right_input_is_taken(answers: dict[str, str], name: str):
    assert answers[name] == ""


def declared() -> dict[str, Any]:
    return yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]


def test_every_default_is_declared_and_is_the_same():
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert {name: option.get("default") for name, option in declared().items() if "default" in option} == defaults


def test_the_readme_has_every_variable_and_every_key_and_no_other():
    readme = (ROLE / "README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)
    expected = [name for option, spec in declared().items() for name in (option, *spec.get("options", {}))]
    assert rows == expected


def test_the_example_of_the_readme_is_right_input():
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROLE / "README.md").read_text(), re.DOTALL)
    (play,) = yaml.safe_load(example)
    keys = set(declared()["nginx_sites"]["options"])
    assert all(set(each) == keys for each in play["roles"][0]["nginx_sites"])


def test_every_task_that_writes_a_file_says_owner_group_and_mode():
    for file in (ROLE / "tasks").glob("*.yml"):
        for task in yaml.safe_load(file.read_text()):
            for module in ("ansible.builtin.copy", "ansible.builtin.template"):
                if module in task:
                    assert {"owner", "group", "mode"} <= set(task[module]), task["name"]
