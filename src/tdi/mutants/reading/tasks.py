"""The tasks of a file, wherever in blocks they stand, with their module and what it is given."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import yaml

from tdi.mutants.mutant import Edit
from tdi.mutants.reading.yaml_text import YamlText, entries, index_of, items, place, scalar_value

KEYWORDS = frozenset(
    (
        *("action", "any_errors_fatal", "args", "async", "become", "become_exe"),
        *("become_flags", "become_method", "become_user", "changed_when", "check_mode"),
        *("collections", "connection", "debugger", "delay", "delegate_facts"),
        *("delegate_to", "diff", "environment", "failed_when", "ignore_errors"),
        *("ignore_unreachable", "listen", "local_action", "loop", "loop_control"),
        *("module_defaults", "name", "no_log", "notify", "poll", "port", "register"),
        *("remote_user", "retries", "run_once", "tags", "throttle", "timeout", "until", "vars"),
        *("when", "block", "rescue", "always"),
    )
)
"""What a task may say besides its module."""

BLOCKS = ("block", "rescue", "always")
_LISTS_OF_PLAY = ("pre_tasks", "tasks", "post_tasks", "handlers")
_PAIR = re.compile(r"(?:(?<=\s)|^)(\w+)=('[^']*'|\"[^\"]*\"|(?:\{\{.*?\}\}|[^\s{'\"])+)(?=\s|$)")

READING = frozenset(
    (
        *("assert", "debug", "fail", "find", "getent", "include_vars", "package_facts", "pause"),
        *("service_facts", "set_fact", "setup", "slurp", "stat"),
    )
)
"""Modules that change nothing on the machine."""

COMMANDS = frozenset(("command", "shell", "raw", "script", "expect"))
PACKAGES = frozenset(
    (
        *("apt", "package", "dnf", "yum", "pip", "snap", "homebrew", "zypper", "apk", "pacman", "gem"),
        *("npm"),
    )
)
SERVICES = frozenset(("service", "systemd", "systemd_service", "sysvinit"))
FILES = frozenset(
    (
        *("copy", "file", "template", "assemble", "blockinfile", "lineinfile", "replace"),
        *("ini_file", "get_url", "unarchive"),
    )
)


@dataclass(frozen=True)
class Argument:
    """What a module is given by one name: a scalar, list or mapping, or a word of the old `name=value`."""

    name: str
    value: str
    """What a scalar says, nothing for a list or mapping."""
    text: YamlText
    holder: yaml.Node
    """The mapping that it is in, or the scalar with all of the old pairs."""
    node: yaml.Node
    """Its value; the scalar with all of the pairs for one of those."""
    span: tuple[int, int] | None = None
    """From where to where the value of a pair stands."""

    def dropped(self, clause: str) -> Iterator[Edit]:
        """The edit that takes it out."""
        if self.span is None and isinstance(self.holder, yaml.MappingNode):
            yield from self.text.without_entry(self.holder, index_of(self.holder, self.name), clause)
        elif self.span:
            start, end = self.span[0] - len(self.name) - 1, self.span[1]
            first, last = place(self.node)[0], self.text.end(self.node)
            rest = len(self.text.text[end:last]) - len(self.text.text[end:last].lstrip(" "))
            if start > first and rest == 0:
                yield Edit(start - 1, end, "", clause)
            elif end < last:
                yield Edit(start, end + rest, "", clause)

    def says(self, value: str, clause: str) -> Iterator[Edit]:
        """The edit by which it is given another word."""
        if self.span:
            yield Edit(*self.span, value, clause)
        else:
            yield from self.text.says(self.node, value, clause)

    def becomes(self, raw: str, clause: str) -> Iterator[Edit]:
        """The edit by which `raw` stands in its place, whatever quotes it had."""
        if self.span:
            yield Edit(*self.span, raw, clause)
        else:
            yield from self.text.becomes(self.node, raw, clause)

    def opposite(self, clause: str) -> Iterator[Edit]:
        """The edit by which a boolean says the other one."""
        if self.span is None:
            yield from self.text.opposite(self.node, clause)
        elif other := {"yes": "no", "no": "yes", "true": "false", "false": "true"}.get(self.value):
            yield Edit(*self.span, other, clause)

    @property
    def inside(self) -> tuple[int, int] | None:
        """From where to where its words stand, where they are a scalar without a tag."""
        return self.span or self.text.inside(self.node)


@dataclass(frozen=True)
class Task:
    """A task, handler or block."""

    text: YamlText
    node: yaml.MappingNode
    siblings: yaml.SequenceNode
    index: int
    is_handler: bool = False

    @cached_property
    def entries(self) -> dict[str, yaml.Node]:
        """What it says, by keyword and module."""
        return entries(self.node)

    @cached_property
    def called(self) -> str:
        """The module as it is called, `ansible.builtin.apt` or `apt`; nothing for a block."""
        named = (name for name in self.entries if name not in KEYWORDS and not name.startswith("with_"))
        return next(named, "")

    @property
    def module(self) -> str:
        """The module's plain name: `apt`."""
        return self.called.rpartition(".")[2]

    @property
    def label(self) -> str:
        """How a sentence names it."""
        name = " ".join(scalar_value(self.entries.get("name")).split())
        return f"'{name}'" if name else f"a task of {self.module}" if self.module else "a block"

    @property
    def is_block(self) -> bool:
        """Whether it only holds others."""
        return any(name in self.entries for name in BLOCKS)

    @property
    def is_elsewhere(self) -> bool:
        """Whether it may act on another machine than the one under test, where a wrong word could do harm."""
        return any(name in self.entries for name in ("delegate_to", "local_action", "connection"))

    @cached_property
    def arguments(self) -> dict[str, Argument]:
        """What its module is given, by name; nothing where it acts on another machine."""
        if self.is_elsewhere or not self.called:
            return {}
        found = {}
        given = self.entries[self.called]
        for holder in (given, self.entries.get("args")):
            for name, node in entries(holder).items():
                if holder is not None:
                    found[name] = Argument(name, scalar_value(node), self.text, holder, node)
        if isinstance(given, yaml.ScalarNode) and self.module not in COMMANDS and given.style is None:
            inside = self.text.inside(given)
            for pair in _PAIR.finditer(self.text.text, *inside) if inside else ():
                found[pair[1]] = Argument(pair[1], pair[2].strip("'\""), self.text, given, given, pair.span(2))
        return found

    def given(self, *names: str) -> Iterator[Argument]:
        """Those of its arguments that have one of these names."""
        yield from (argument for name, argument in self.arguments.items() if name in names)

    def without(self, keyword: str, clause: str) -> Iterator[Edit]:
        """The edit that takes a keyword out of it."""
        if keyword in self.entries:
            yield from self.text.without_entry(self.node, index_of(self.node, keyword), clause)

    def also(self, keyword: str, value: str, clause: str) -> Iterator[Edit]:
        """The edit that adds a keyword which it does not have."""
        yield from self.text.with_entry(self.node, keyword, value, clause)

    def dropped(self, clause: str) -> Iterator[Edit]:
        """The edit that takes all of it out of its list."""
        yield from self.text.without_item(self.siblings, self.index, clause)


def of_list(text: YamlText, siblings: yaml.Node | None, *, handlers: bool) -> Iterator[Task]:
    """The tasks of a list, and after each block those in it."""
    if not isinstance(siblings, yaml.SequenceNode):
        return
    for index, node in enumerate(items(siblings)):
        if isinstance(node, yaml.MappingNode):
            task = Task(text, node, siblings, index, handlers)
            yield task
            for name in BLOCKS:
                yield from of_list(text, task.entries.get(name), handlers=handlers)


def of_playbook(text: YamlText) -> Iterator[Task]:
    """The tasks of all plays of a playbook."""
    for root in text.roots:
        for play in items(root):
            for name in _LISTS_OF_PLAY:
                yield from of_list(text, entries(play).get(name), handlers=name == "handlers")
