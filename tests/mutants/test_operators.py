"""Each operator makes of its example what it says, and of real roles what can be read again."""

import difflib
import re
from functools import cache
from pathlib import Path

import jinja2
import pytest
import yaml

from tdi.mutants import finding
from tdi.mutants.mutant import Mutant
from tdi.mutants.operators.operator import Operator
from tdi.mutants.operators.registry import KINDS, OPERATORS
from tdi.mutants.reading.yaml_text import meaning
from tdi.mutants.source import Part, Source
from tdi.project import Project

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = [ROOT, *sorted(file.parent for file in ROOT.glob("examples/*/1.0.0/README.md"))]


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def mutants_of(root: Path) -> tuple[Mutant, ...]:
    """The mutants of a project of this repository."""
    return tuple(finding.find(Project.at(root)))


def mutated(operator: str, text: str, part: Part = Part.TASKS, handlers: tuple[str, ...] = ()) -> list[str]:
    """What an operator makes of a text, mutant by mutant."""
    source = Source("roles/a/x", part, text, handlers)
    return [mutant.mutated for mutant in finding.of_source(source, [OPERATORS[operator]])]


def changed(operator: str, text: str, part: Part = Part.TASKS) -> list[str]:
    """The lines that an operator takes out (`-`) and puts in (`+`), a text for each mutant."""
    rows = [difflib.ndiff(text.splitlines(), after.splitlines()) for after in mutated(operator, text, part)]
    return ["; ".join(re.sub(r"\s+", " ", row) for row in each if row[0] in "+-") for each in rows]


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS.keys())
def test_an_operator_makes_of_its_example_what_it_says(operator: Operator):
    source = Source("roles/a/x", operator.part, operator.before)
    mutants = finding.of_source(source, [operator])
    assert mutants[0].mutated == operator.after


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS.keys())
def test_an_operator_says_what_it_imitates_in_a_sentence_and_who_should_notice(operator: Operator):
    assert re.fullmatch(r"[A-Z][^.]+\.", operator.imitates)
    assert len(operator.killed_by) == len(set(operator.killed_by)) > 0
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", operator.name)


def test_there_are_enough_operators_and_no_two_of_a_name():
    names = [operator.name for kind in KINDS.values() for operator in kind]
    assert len(names) == len(set(names)) >= 45


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.parent.name)
def test_every_mutant_of_a_real_role_is_one_edit_that_can_be_read_again(project: Path):
    for mutant in mutants_of(project):
        edit = mutant.edit
        assert mutant.mutated != mutant.original
        assert mutant.mutated.startswith(mutant.original[: edit.start])
        assert mutant.mutated.endswith(mutant.original[edit.end :])
        assert mutant.diff.count("\n@@ ") == 1 or mutant.operator == "swap-tasks", mutant.diff
        if "/templates/" in f"/{mutant.path}":
            jinja2.Environment().parse(mutant.mutated)  # noqa: S701 (nothing is rendered)
        elif mutant.path.endswith((".yml", ".yaml")):
            assert meaning(mutant.mutated) != meaning(mutant.original), mutant.diff


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.parent.name)
def test_every_expression_in_a_mutant_of_a_real_role_is_one_of_jinja(project: Path):
    def scalars(node: yaml.Node) -> list[str]:
        if isinstance(node, yaml.ScalarNode):
            return [node.value]
        below = node.value if isinstance(node, yaml.SequenceNode) else [each for pair in node.value for each in pair]
        return [text for each in below for text in scalars(each)]

    environment = jinja2.Environment()  # noqa: S701 (nothing is rendered)
    for mutant in mutants_of(project):
        if mutant.path.endswith((".yml", ".yaml")):
            for text in scalars(yaml.compose(mutant.mutated, LOADER)):
                environment.parse(text)


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.parent.name)
def test_the_comments_of_a_real_role_stay_unless_what_they_are_in_goes(project: Path):
    for mutant in mutants_of(project):
        taken = mutant.original[mutant.edit.start : mutant.edit.end]
        before = re.findall(r"(?m)^ *# .*$", taken)
        after = re.findall(r"(?m)^ *# .*$", mutant.edit.text)
        assert sorted(before) == sorted(after) or re.match(r"drop-", mutant.operator), mutant.diff


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.parent.name)
def test_no_two_mutants_of_a_file_are_the_same_text_or_have_the_same_id(project: Path):
    mutants = mutants_of(project)
    assert len({(mutant.path, mutant.mutated) for mutant in mutants}) == len(mutants)
    assert len({mutant.id for mutant in mutants}) == len(mutants)


def test_the_role_of_this_project_has_a_number_of_mutants_that_can_be_run_in_a_night():
    assert 250 < len(mutants_of(ROOT)) < 450


@pytest.mark.parametrize("name", ["apt", "ansible.builtin.apt", "ansible.legacy.apt"])
def test_a_module_is_known_by_each_of_its_names(name: str):
    assert mutated("latest-to-present", f"- {name}:\n    state: latest\n") == [f"- {name}:\n    state: present\n"]


def test_arguments_in_one_line_are_known():
    text = '- file: path="{{ a }}/b" owner=root  mode=0755 state=directory\n'
    assert mutated("drop-owner", text) == ['- file: path="{{ a }}/b" mode=0755 state=directory\n']
    assert mutated("directory-to-touch", text) == ['- file: path="{{ a }}/b" owner=root  mode=0755 state=touch\n']
    assert mutated("loosen-mode", text) == ['- file: path="{{ a }}/b" owner=root  mode=0777 state=directory\n']
    assert mutated("drop-directory-state", text) == ['- file: path="{{ a }}/b" owner=root  mode=0755\n']


def test_arguments_beside_the_module_are_known():
    text = "- command: /bin/make\n  args:\n    creates: /etc/a\n    chdir: /srv\n"
    assert mutated("drop-creates", text) == ["- command: /bin/make\n  args:\n    chdir: /srv\n"]


def test_tasks_in_blocks_are_found_wherever_they_are():
    inner = "    - block:\n        - command: /a\n      always:\n        - command: /b\n"
    text = f"- block:\n{inner}  rescue:\n    - command: /c\n"
    said = changed("failed-when-false", text)
    assert said == ["+ failed_when: false"] * 3
    assert len(set(mutated("failed-when-false", text))) == 3


def test_the_only_task_of_a_block_leaves_an_empty_list():
    text = "- block:\n    - command: /a\n      # Why.\n      notify: b\n- debug:\n"
    assert mutated("drop-task", text) == ["- block: []\n- debug:\n"]


def test_the_first_key_of_a_task_goes_and_the_next_one_stands_behind_the_dash():
    text = "- when: a # always\n  # Now.\n  command: /a\n"
    assert mutated("drop-when", text) == ["- # Now.\n  command: /a\n"]


def test_the_task_before_the_end_of_a_file_takes_the_blank_line_before_it_along():
    text = "---\n- command: /a\n\n- command: /b\n\n- command: /c\n"
    assert mutated("drop-task", text) == [
        "---\n- command: /b\n\n- command: /c\n",
        "---\n- command: /a\n\n- command: /c\n",
        "---\n- command: /a\n\n- command: /b\n",
    ]


def test_a_file_without_a_newline_at_its_end_is_edited():
    assert mutated("drop-owner", "- copy:\n    dest: /a\n    owner: root") == ["- copy:\n    dest: /a\n"]
    assert mutated("force-false", "- copy:\n    dest: /a") == ["- copy:\n    dest: /a\n    force: false"]


def test_mappings_and_lists_in_brackets_lose_what_stands_between_commas():
    text = "- copy: {dest: /a, owner: root, group: root}\n  notify: [a, b]\n"
    assert mutated("drop-owner", text) == ["- copy: {dest: /a, group: root}\n  notify: [a, b]\n"]
    assert mutated("drop-group", text) == ["- copy: {dest: /a, owner: root}\n  notify: [a, b]\n"]
    assert mutated("drop-notify", text) == [
        "- copy: {dest: /a, owner: root, group: root}\n  notify: [b]\n",
        "- copy: {dest: /a, owner: root, group: root}\n  notify: [a]\n",
    ]
    assert mutated("force-false", text) == [text.replace("group: root}", "group: root, force: false}")]


def test_texts_in_blocks_and_tags_that_nobody_knows_hinder_nothing():
    content = "    content: |\n      a\n\n      b\n\n"
    text = f"- copy:\n{content}    owner: !other root\n    mode: !vault |\n      $ANSIBLE\n# End.\n"
    assert changed("drop-mode", text) == ["- mode: !vault |; - $ANSIBLE"]
    assert changed("drop-owner", text) == ["- owner: !other root"]
    assert mutated("loosen-mode", text) == []
    assert changed("force-false", text) == ["+ force: false"]


def test_aliases_and_merged_mappings_hinder_nothing():
    text = "- copy: &all\n    dest: /a\n    owner: root\n- copy:\n    <<: *all\n    group: *all\n    mode: '0644'\n"
    assert changed("drop-group", text) == ["- group: *all"]
    assert changed("drop-owner", text) == ["- owner: root"]


def test_every_document_of_a_file_is_looked_at():
    assert len(mutated("drop-task", "---\n- command: /a\n---\n- command: /b\n")) == 2


def test_a_key_that_a_file_has_twice_hinders_nothing():
    assert changed("drop-owner", "- copy:\n    dest: /a\n    dest: /b\n    owner: c\n") == ["- owner: c"]


def test_quotes_stay_as_they_are():
    assert mutated("change-number", "a: \"1\"\nb: '2'\nc: 3 # three\n", Part.DEFAULTS) == [
        "a: \"2\"\nb: '2'\nc: 3 # three\n",
        "a: \"1\"\nb: '3'\nc: 3 # three\n",
        "a: \"1\"\nb: '2'\nc: 4 # three\n",
    ]


def test_a_pattern_that_would_become_a_comment_is_put_in_quotes():
    text = "- lineinfile:\n    path: /a\n    regexp: ^#a\n"
    assert changed("loosen-regexp", text) == ["- regexp: ^#a; + regexp: '#a'"]


def test_a_task_of_another_machine_is_given_no_other_words():
    text = "- file:\n    path: /a\n    state: directory\n    owner: root\n  delegate_to: localhost\n"
    source = Source("roles/a/tasks/main.yml", Part.TASKS, text)
    assert [mutant.operator for mutant in finding.of_source(source)] == ["drop-task", "run-once"]


def test_another_handler_is_one_of_the_role():
    text = "- copy:\n    dest: /a\n  notify:\n    - Reload a\n"
    assert mutated("notify-another-handler", text, handlers=("Reload a", "Restart a")) == [
        text.replace("Reload a", "Restart a")
    ]
    assert mutated("notify-another-handler", text, handlers=("Reload a",)) == []


def test_a_mode_is_loosened_for_those_who_had_less():
    def loosened(mode: str) -> str:
        (text,) = mutated("loosen-mode", f"- file:\n    mode: {mode}\n")
        return text.rpartition(": ")[2].strip()

    modes = ["'0600'", "'0644'", "0750", "'2770'", "'0755'"]
    assert [loosened(mode) for mode in modes] == ["'0644'", "'0666'", "0755", "'2775'", "'0777'"]


def test_a_condition_of_one_comparison_is_turned_round_once():
    text = "- command: /a\n  when: a == b\n"
    operators = [OPERATORS["negate-when"], OPERATORS["flip-comparison"]]
    found = finding.of_source(Source("x", Part.TASKS, text), operators)
    assert [mutant.mutated for mutant in found] == [text.replace("a == b", "not (a == b)")]


def test_sentences_of_a_role_are_not_taken_for_expressions():
    text = "- assert:\n    that: a\n    fail_msg: this or that\n  name: one and {{ a or b }}\n"
    assert mutated("swap-and-or", text) == []


def test_expressions_in_all_kinds_of_texts_are_found():
    text = "- command: /a\n  vars:\n    a: >-\n      {% if b or c -%}\n      {{ d and e }}\n      {%- endif %}\n"
    assert changed("swap-and-or", text) == [
        "- {% if b or c -%}; + {% if b and c -%}",
        "- {{ d and e }}; + {{ d or e }}",
    ]
    assert changed("negate-template-condition", text) == ["- {% if b or c -%}; + {% if not (b or c) -%}"]


def test_strings_comments_and_what_is_raw_are_no_expressions():
    text = "{# a or b #}{% raw %}{{ a or b }}{% endraw %}{{ ' or ' }}{{ \"or\" }}\n"
    assert mutated("swap-and-or", text, Part.TEMPLATE) == []


def test_the_in_of_a_loop_is_no_comparison():
    text = "{% for a in b if a in c or d %}x{% endfor %}\n"
    assert changed("flip-comparison", text, Part.TEMPLATE) == [
        "- {% for a in b if a in c or d %}x{% endfor %}; + {% for a in b if a not in c or d %}x{% endfor %}"
    ]


def test_lines_that_open_and_close_and_that_only_say_something_are_left():
    text = "# A comment.\nserver {\n    listen 80;\n{% if a %}\n    tls on;\n{% endif %}\n}\n; {{ ansible_managed }}\n"
    assert changed("drop-template-line", text, Part.TEMPLATE) == ["- listen 80;", "- tls on;"]
    assert changed("flip-template-switch", text, Part.TEMPLATE) == ["- tls on;; + tls off;"]
    assert changed("change-template-number", text, Part.TEMPLATE) == ["- listen 80;; + listen 81;"]


def test_a_long_template_has_no_more_mutants_than_one_wants_to_run():
    text = "".join(f"option{number} = {number}\n" for number in range(1, 500))
    found = mutated("drop-template-line", text, Part.TEMPLATE)
    assert 20 <= len(found) <= 30
    assert found == mutated("drop-template-line", text, Part.TEMPLATE)


def test_numbers_that_are_part_of_something_else_stay():
    text = "protocol TLSv1.2\nnet 10.0.0.0/8\nversion 1.1\nname a2\nsize 10m\n"
    assert changed("change-template-number", text, Part.TEMPLATE) == ["- size 10m; + size 11m"]


def test_an_inner_block_and_the_one_around_it_are_dropped_each_for_itself():
    text = "a\n{% if b %}\n{% for c in d %}\n{{ c }}\n{% endfor %}\n{% endif %}\n"
    assert mutated("drop-template-block", text, Part.TEMPLATE) == ["a\n", "a\n{% if b %}\n{% endif %}\n"]


def test_options_of_options_are_described_options_too():
    inner = "        options:\n          b:\n            type: int\n"
    text = f"argument_specs:\n  main:\n    options:\n      a:\n        type: dict\n{inner}"
    assert changed("widen-type", text, Part.ARGUMENTS) == [
        "- type: dict; + type: raw",
        "- type: int; + type: str",
    ]


def test_an_address_is_not_looked_for_in_sentences():
    text = "- get_url:\n    url: 'https://a.example'\n- fail:\n    msg: See https://b.example for it.\n"
    assert changed("https-to-http", text) == ["- url: 'https://a.example'; + url: 'http://a.example'"]
