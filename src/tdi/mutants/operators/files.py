"""Operators on files: where they are, whose, who may read them, and whether what is written is checked."""

import re
from collections.abc import Iterator

import yaml

from tdi.mutants.mutant import Edit
from tdi.mutants.operators.operator import FRESH, UPGRADE, Operator, in_tasks, opposite, other_word, without_argument
from tdi.mutants.reading.tasks import COMMANDS, FILES, PACKAGES, SERVICES, Argument, Task
from tdi.mutants.reading.yaml_text import entries, items, place
from tdi.mutants.results import Oracle

_READ_BY_ALL, _SEARCHED_BY_ALL, _WRITTEN_BY_ALL = 0o044, 0o011, 0o022
_OCTAL = re.compile(r"(0?o?)([0-7]{3,4})")
_TAIL = re.compile(r"[\w.-]*[A-Za-z0-9](?=\Z)")
_PATHS = ("path", "dest", "paths", "name")
_EDITING = {"lineinfile", "replace", "blockinfile", "ini_file", "assemble"}
_NO_ANCHOR = re.compile(r"^\^|(?<!\\)\$$")


def _is_mode(argument: Argument) -> re.Match[str] | None:
    inside = argument.inside
    raw = argument.text.text[slice(*inside)] if inside else ""
    return _OCTAL.fullmatch(raw)


def _loosen_mode(task: Task) -> Iterator[Edit]:
    for argument in task.given("mode", "directory_mode"):
        if said := _is_mode(argument):
            mode = int(said[2], 8)
            more = _WRITTEN_BY_ALL if mode & 0o004 else _READ_BY_ALL | (_SEARCHED_BY_ALL if mode & 0o100 else 0)
            if mode & more != more:
                loose = f"{said[1]}{mode | more:0{len(said[2])}o}"
                yield from argument.says(loose, f"the {argument.name} of {task.label} is {loose} instead of {said[0]}")


def _decimal_mode(task: Task) -> Iterator[Edit]:
    for argument in task.given("mode", "directory_mode"):
        said = _is_mode(argument)
        if said and said[2].lstrip("0"):
            decimal = said[2].lstrip("0")
            clause = f"the {argument.name} of {task.label} is the number {decimal}, which is not octal"
            yield from argument.becomes(decimal, clause)


def _force_false(task: Task) -> Iterator[Edit]:
    given = task.entries.get(task.called)
    if task.module not in {"copy", "template", "get_url"} or task.is_elsewhere or given is None:
        return
    clause = f"{task.label} does not overwrite what is there"
    if "force" not in task.arguments and isinstance(given, yaml.MappingNode):
        yield from task.text.with_entry(given, "force", "false", clause)
    elif isinstance(given, yaml.ScalarNode) and "dest" in task.arguments:
        end = task.text.end(given)
        yield Edit(end, end, " force=no", clause)


def _add_to_directory(task: Task) -> Iterator[Edit]:
    given = task.entries.get(task.called)
    is_directory = any(argument.value == "directory" for argument in task.given("state"))
    if is_directory and isinstance(given, yaml.MappingNode) and "recurse" not in task.arguments:
        yield from task.text.with_entry(given, "recurse", "true", f"{task.label} means all that is below, too")


def _drop_directory_state(task: Task) -> Iterator[Edit]:
    for argument in task.given("state"):
        if argument.value == "directory":
            yield from argument.dropped(f"{task.label} makes no directory any more")


def _absent_to_touch(task: Task) -> Iterator[Edit]:
    """What keeps something, in the words of the module."""
    for argument in task.given("state"):
        if argument.value == "absent":
            word = "touch" if task.module == "file" else "present"
            yield from argument.says(word, f"the state of {task.label} is {word} instead of absent")


def _to_absent(task: Task) -> Iterator[Edit]:
    for argument in task.given("state"):
        if argument.value in {"present", "directory", "link", "touch", "hard"} and task.module not in SERVICES:
            yield from argument.says("absent", f"the state of {task.label} is absent instead of {argument.value}")


def _mistyped_path(task: Task) -> Iterator[Edit]:
    for argument in task.given(*_PATHS, *(("src",) if "state" in task.arguments else ())):
        values = items(argument.node) if argument.span is None else []
        for node in values or [argument.node]:
            inside = argument.inside if node is argument.node else task.text.inside(node)
            raw = task.text.text[slice(*inside)] if inside else ""
            if not inside or not _is_path(raw) or (argument.name == "name" and task.module in PACKAGES | SERVICES):
                continue
            clause = f"the {argument.name} of {task.label} is mistyped"
            if raw.endswith("}}"):
                yield Edit(inside[1], inside[1], "_", clause)
            elif tail := _TAIL.search(raw):
                yield Edit(inside[0] + tail.end() - 1, inside[0] + tail.end(), "", clause)


def _is_path(raw: str) -> bool:
    return "\n" not in raw and (raw.startswith("/") or re.match(r"\{\{[^}]*\}\}/", raw) is not None)


def _loosen_regexp(task: Task) -> Iterator[Edit]:
    for argument in task.given("regexp", "regex", "insertafter", "insertbefore"):
        inside = argument.inside
        raw = task.text.text[slice(*inside)] if inside and task.module in _EDITING else ""
        for anchor in list(_NO_ANCHOR.finditer(raw))[:1]:
            if inside:
                start = inside[0] + anchor.start()
                clause = f"the {argument.name} of {task.label} is found in the middle of a line, too"
                yield Edit(start, start + 1, "", clause)


def _flip_append(task: Task) -> Iterator[Edit]:
    given = task.entries.get(task.called)
    if task.module != "user" or "groups" not in task.arguments:
        return
    if "append" in task.arguments:
        yield from task.arguments["append"].opposite(f"the append of {task.label} is the other way round")
    elif isinstance(given, yaml.MappingNode):
        yield from task.text.with_entry(given, "append", "true", f"{task.label} adds groups instead of setting them")


def _words(task: Task) -> list[tuple[int, int]]:
    """Where the words of a command stand, its program among them."""
    if task.module not in COMMANDS or task.is_elsewhere:
        return []
    given = task.entries[task.called]
    said = entries(given)
    if "argv" in said:
        return [place(node) for node in items(said["argv"])]
    inside = task.text.inside(said.get("cmd", given))
    raw = task.text.text[slice(*inside)] if inside else ""
    if not inside or "|" in raw or "\n" in raw:
        return []
    return [(inside[0] + each.start(), inside[0] + each.end()) for each in re.finditer(r"(?:\{\{.*?\}\}|\S)+", raw)]


def _add_creates(task: Task) -> Iterator[Edit]:
    given = task.entries.get(task.called)
    if "creates" in task.arguments or "removes" in task.arguments:
        return
    paths = [task.text.text[slice(*word)].strip("'\"") for word in _words(task)[1:]]
    paths = [path for path in paths if path.startswith("/") or re.fullmatch(r"\{\{.*\}\}[\w/.-]*", path)]
    clause = f"{task.label} is done only once"
    if paths and isinstance(given, yaml.MappingNode):
        yield from task.text.with_entry(given, "creates", _quoted(paths[-1]), clause)
    elif paths and "args" not in task.entries:
        yield from task.also("args", f"{{creates: {_quoted(paths[-1])}}}", clause)


def _quoted(path: str) -> str:
    return f'"{path}"' if "{" in path and '"' not in path else path


def _drop_command_option(task: Task) -> Iterator[Edit]:
    given = task.entries.get(task.called)
    argv = entries(given).get("argv")
    for index, (start, end) in enumerate(_words(task)):
        said = task.text.text[start:end].strip("'\"")
        if index and re.match(r"--?[A-Za-z]", said):
            clause = f"{task.label} is run without {said}"
            if isinstance(argv, yaml.SequenceNode):
                yield from task.text.without_item(argv, index, clause)
            else:
                yield Edit(len(task.text.text[:start].rstrip(" ")), end, "", clause)


FILE_OPERATORS = (
    Operator(
        "drop-owner",
        "A file is whose it happens to be: of who wrote it first.",
        "- copy:\n    dest: /etc/a\n    owner: app\n",
        "- copy:\n    dest: /etc/a\n",
        (*FRESH, Oracle.SAME_STATE, *UPGRADE),
        without_argument("owner", modules=FILES),
    ),
    Operator(
        "drop-group",
        "A file's group is the one it happens to have.",
        "- file: path=/etc/a group=app\n",
        "- file: path=/etc/a\n",
        (*FRESH, Oracle.SAME_STATE, *UPGRADE),
        without_argument("group", modules=FILES),
    ),
    Operator(
        "drop-mode",
        "Who may read a file is left to the umask of the run, or to what was there before.",
        '- copy:\n    dest: /etc/a\n    # Not for all.\n    mode: "0640"\n',
        "- copy:\n    dest: /etc/a\n    # Not for all.\n",
        (Oracle.LINT, *FRESH, Oracle.SAME_STATE),
        without_argument("mode", "directory_mode"),
    ),
    Operator(
        "loosen-mode",
        "A secret can be read by everybody, or a file of the system be written.",
        '- copy:\n    dest: /etc/a\n    mode: "0640"\n',
        '- copy:\n    dest: /etc/a\n    mode: "0644"\n',
        (*FRESH, Oracle.PLAN),
        in_tasks(_loosen_mode),
    ),
    Operator(
        "decimal-mode",
        "A mode without quotes and without its zero is a decimal number, and means quite another mode.",
        '- copy:\n    dest: /etc/a\n    mode: "0644"\n',
        "- copy:\n    dest: /etc/a\n    mode: 644\n",
        (Oracle.LINT, *FRESH, Oracle.PLAN),
        in_tasks(_decimal_mode),
    ),
    Operator(
        "force-false",
        "A file that is there already is never brought up to date.",
        "- template:\n    src: a\n    dest: /etc/a\n",
        "- template:\n    src: a\n    dest: /etc/a\n    force: false\n",
        (Oracle.SAME_STATE, *UPGRADE),
        in_tasks(_force_false),
    ),
    Operator(
        "drop-validate",
        "A configuration that the service refuses takes the place of one that worked.",
        "- template:\n    src: a\n    dest: /etc/a\n    validate: a -t %s\n",
        "- template:\n    src: a\n    dest: /etc/a\n",
        (*UPGRADE, Oracle.LOAD),
        without_argument("validate"),
    ),
    Operator(
        "drop-backup",
        "What somebody had written by hand is lost for good.",
        "- copy:\n    dest: /etc/a\n    backup: true\n",
        "- copy:\n    dest: /etc/a\n",
        (Oracle.PLAN, *UPGRADE),
        without_argument("backup"),
    ),
    Operator(
        "drop-regexp",
        "A line is added beside the one that it should replace, each time that it changes.",
        "- lineinfile:\n    path: /etc/a\n    regexp: ^a=\n    line: a=1\n",
        "- lineinfile:\n    path: /etc/a\n    line: a=1\n",
        (Oracle.SAME_STATE, Oracle.SECOND_RUN, *UPGRADE),
        without_argument("regexp", modules=("lineinfile",)),
    ),
    Operator(
        "loosen-regexp",
        "A pattern without its anchor finds another line first: a comment, a longer name.",
        "- lineinfile:\n    path: /etc/a\n    regexp: '^a='\n    line: a=1\n",
        "- lineinfile:\n    path: /etc/a\n    regexp: 'a='\n    line: a=1\n",
        (*FRESH, Oracle.SECOND_RUN, *UPGRADE),
        in_tasks(_loosen_regexp),
    ),
    Operator(
        "mistype-path",
        "A file is written where nobody reads it, and what was there before stays.",
        '- copy:\n    content: x\n    dest: "{{ place }}/a.conf" # there\n',
        '- copy:\n    content: x\n    dest: "{{ place }}/a.con" # there\n',
        (*FRESH, Oracle.SAME_STATE, *UPGRADE),
        in_tasks(_mistyped_path),
    ),
    Operator(
        "link-to-hard",
        "A hard link goes on with the old file when the one that it was made of is replaced.",
        "- file:\n    src: /srv/a\n    dest: /srv/b\n    state: link\n",
        "- file:\n    src: /srv/a\n    dest: /srv/b\n    state: hard\n",
        (*FRESH, Oracle.SAME_STATE, Oracle.PLAN),
        other_word("state", "link", "hard"),
    ),
    Operator(
        "drop-directory-state",
        "A directory is expected to be there; on a new server it is not.",
        "- file:\n    path: /srv/a\n    state: directory\n",
        "- file:\n    path: /srv/a\n",
        FRESH,
        in_tasks(_drop_directory_state),
    ),
    Operator(
        "directory-to-touch",
        "A file stands where a directory should.",
        "- file:\n    path: /srv/a\n    state: directory\n",
        "- file:\n    path: /srv/a\n    state: touch\n",
        (*FRESH, Oracle.SECOND_RUN),
        other_word("state", "directory", "touch"),
    ),
    Operator(
        "file-to-touch",
        "A file gets a new time at each run.",
        "- file:\n    path: /srv/a\n    state: file\n",
        "- file:\n    path: /srv/a\n    state: touch\n",
        (Oracle.SECOND_RUN,),
        other_word("state", "file", "touch"),
    ),
    Operator(
        "absent-to-present",
        "What should be gone is made instead.",
        "- user:\n    name: old\n    state: absent\n",
        "- user:\n    name: old\n    state: present\n",
        (*FRESH, Oracle.SECOND_RUN, Oracle.PLAN),
        in_tasks(_absent_to_touch),
    ),
    Operator(
        "present-to-absent",
        "What should be there is removed.",
        "- user:\n    name: app\n    state: present\n",
        "- user:\n    name: app\n    state: absent\n",
        (*FRESH, *UPGRADE, Oracle.PLAN),
        in_tasks(_to_absent),
    ),
    Operator(
        "add-recurse",
        "Owner and mode of a directory are those of all that is below it, each time.",
        "- file:\n    path: /srv/a\n    state: directory\n",
        "- file:\n    path: /srv/a\n    state: directory\n    recurse: true\n",
        (*UPGRADE, Oracle.SECOND_RUN, Oracle.PLAN),
        in_tasks(_add_to_directory),
    ),
    Operator(
        "flip-recurse",
        "What is below a directory is left as it was, or is not left alone.",
        "- file:\n    path: /srv/a\n    recurse: true\n",
        "- file:\n    path: /srv/a\n    recurse: false\n",
        (*UPGRADE, Oracle.SAME_STATE),
        opposite("recurse", "recursive"),
    ),
    Operator(
        "flip-append",
        "A user keeps groups that were taken away, or loses those that somebody else gave.",
        "- user:\n    name: app\n    groups: [adm]\n    append: true\n",
        "- user:\n    name: app\n    groups: [adm]\n    append: false\n",
        (Oracle.SAME_STATE, *UPGRADE),
        in_tasks(_flip_append),
    ),
    Operator(
        "add-creates",
        "A command is done only where its result is missing, and never again when its input changes.",
        "- command: /bin/make /etc/a\n",
        "- command: /bin/make /etc/a\n  args: {creates: /etc/a}\n",
        (Oracle.SAME_STATE, *UPGRADE),
        in_tasks(_add_creates),
    ),
    Operator(
        "drop-creates",
        "A command that should be done once is done at each run: a secret is made anew, data are overwritten.",
        "- command:\n    cmd: /bin/make /etc/a\n    creates: /etc/a\n",
        "- command:\n    cmd: /bin/make /etc/a\n",
        (Oracle.SECOND_RUN, *UPGRADE),
        without_argument("creates", "removes"),
    ),
    Operator(
        "drop-command-option",
        "A command is run without an option that it needs, here or on another release of its program.",
        "- command: /bin/make --quiet /etc/a\n",
        "- command: /bin/make /etc/a\n",
        (*FRESH, *UPGRADE),
        in_tasks(_drop_command_option),
    ),
)
