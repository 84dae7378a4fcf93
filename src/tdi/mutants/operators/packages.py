"""Operators on packages: versions, what comes with them, and what goes with them."""

import re
from collections.abc import Iterator

from tdi.mutants.mutant import Edit
from tdi.mutants.operators.operator import FRESH, UPGRADE, Find, Operator, in_tasks, opposite, without_argument
from tdi.mutants.reading.tasks import PACKAGES, Argument, Task
from tdi.mutants.reading.yaml_text import items, scalar_value
from tdi.mutants.results import Oracle

_PIN = re.compile(r"(?<=[\w.+-])=[\w.:~+*-]+$")


def _state(word: str, other: str) -> Find:
    """Also where the state is chosen by an expression: the first mention counts."""

    def find(task: Task) -> Iterator[Edit]:
        for argument in task.given("state") if task.module in PACKAGES else ():
            inside = argument.inside
            said = re.search(rf"\b{word}\b", task.text.text[slice(*inside)]) if inside else None
            if inside and said:
                start = inside[0] + said.start()
                yield Edit(start, start + len(word), other, f"the state of {task.label} is {other} instead of {word}")

    return in_tasks(find)


def _pins(task: Task) -> Iterator[tuple[int, str]]:
    """Where a version is asked for, and as what: `=1.2` behind a package's name."""
    if task.module not in PACKAGES:
        return
    for argument in task.given("name", "pkg", "package", "deb"):
        for node in items(argument.node) or [argument.node]:
            inside = argument.inside if node is argument.node else task.text.inside(node)
            pin = _PIN.search(task.text.text[slice(*inside)]) if inside else None
            if inside and pin:
                yield inside[0] + pin.start(), pin.group()


def _drop_pin(task: Task) -> Iterator[Edit]:
    for start, pin in _pins(task):
        yield Edit(start, start + len(pin), "", f"{task.label} asks for no version any more")


def _change_pin(task: Task) -> Iterator[Edit]:
    found = [(start, pin) for start, pin in _pins(task)]
    found += [
        (argument.inside[0], scalar_value(argument.node))
        for argument in task.given("version")
        if argument.inside and argument.span is None
    ]
    for start, pin in found:
        last = list(re.finditer(r"\d+", pin))[-1:]
        for number in last:
            other = str(int(number.group()) + 1)
            yield Edit(start + number.start(), start + number.end(), other, f"{task.label} asks for another version")


def _without_true(name: str) -> Find:
    def find(task: Task) -> Iterator[Edit]:
        for argument in task.given(name):
            if _is_on(argument):
                yield from argument.dropped(f"the {name} of {task.label} is gone")

    return in_tasks(find)


def _is_on(argument: Argument) -> bool:
    return argument.value.lower() in {"true", "yes", "on"}


PACKAGE_OPERATORS = (
    Operator(
        "latest-to-present",
        "A server that has the package keeps its old version, a new one gets the newest.",
        "- apt:\n    name: less\n    state: latest # always\n",
        "- apt:\n    name: less\n    state: present # always\n",
        (Oracle.SAME_STATE, *UPGRADE),
        _state("latest", "present"),
    ),
    Operator(
        "present-to-latest",
        "A run that should only make sure that something is there upgrades it.",
        "- apt:\n    name: less\n    state: present\n",
        "- apt:\n    name: less\n    state: latest\n",
        (Oracle.PLAN, Oracle.SAME_STATE),
        _state("present", "latest"),
    ),
    Operator(
        "drop-pin",
        "A package is not held at the version that was tried.",
        "- apt:\n    name: less=590-2\n",
        "- apt:\n    name: less\n",
        (Oracle.SAME_STATE, *FRESH),
        in_tasks(_drop_pin),
    ),
    Operator(
        "change-pin",
        "The version that is asked for is another one than was tried.",
        "- apt:\n    name: less=590-2\n",
        "- apt:\n    name: less=590-3\n",
        FRESH,
        in_tasks(_change_pin),
    ),
    Operator(
        "keep-configuration",
        "A package is removed, and its configuration stays where it was installed once.",
        "- apt:\n    name: less\n    state: absent\n    purge: true\n",
        "- apt:\n    name: less\n    state: absent\n",
        (Oracle.SAME_STATE,),
        _without_true("purge"),
    ),
    Operator(
        "drop-autoremove",
        "What came with a package stays when it goes.",
        "- apt:\n    name: less\n    autoremove: true\n",
        "- apt:\n    name: less\n",
        (Oracle.SAME_STATE,),
        _without_true("autoremove"),
    ),
    Operator(
        "drop-update-cache",
        "A new server has no package lists, or those of the day its image was made.",
        "- apt:\n    name: less\n    update_cache: true\n",
        "- apt:\n    name: less\n",
        FRESH,
        _without_true("update_cache"),
    ),
    Operator(
        "flip-recommends",
        "Packages come along that nobody asked for, or those do not that were relied on.",
        "- apt:\n    name: less\n    install_recommends: no\n",
        "- apt:\n    name: less\n    install_recommends: yes\n",
        (Oracle.SAME_STATE, Oracle.PLAN),
        opposite("install_recommends"),
    ),
    Operator(
        "drop-package-option",
        "An upgrade overwrites configuration, asks, or starts a service before it is configured.",
        "- apt:\n    name: less\n    policy_rc_d: 101\n",
        "- apt:\n    name: less\n",
        (*UPGRADE, Oracle.SAME_STATE, Oracle.LOAD),
        without_argument(
            "policy_rc_d",
            "dpkg_options",
            "force_apt_get",
            "default_release",
            "only_upgrade",
            "allow_downgrade",
            "lock_timeout",
            modules=PACKAGES,
        ),
    ),
)
