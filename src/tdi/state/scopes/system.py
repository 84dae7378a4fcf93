"""Settings of the whole system."""

from collections.abc import Iterator

from tdi.state.advice import Advice, Case, mend_other
from tdi.state.finding import Difference
from tdi.state.fold.facts import named_in_attributes, named_in_key
from tdi.state.fold.tree import Tree
from tdi.state.scopes.scope import Entries, Scope, Stage


def _mend(case: Case) -> str:
    how = {
        "timezone": "`community.general.timezone`",
        "default-target": "`systemctl set-default`",
        "locale": "/etc/default/locale",
        "environment": "/etc/environment",
        "generated-locales": "`community.general.locale_gen`",
    }.get(case.key)
    if case.key == "reboot-required":
        return "Let the role reboot the machine where packages ask for it (`ansible.builtin.reboot`)."
    return f"Let a task set it on both machines ({how})." if how else mend_other(case)


_FILES = {
    "timezone": ("/etc/localtime", "/etc/timezone"),
    "locale": ("/etc/default/locale", "/etc/locale.conf"),
    "default-target": ("/etc/systemd/system/default.target",),
    "environment": ("/etc/environment",),
    "generated-locales": ("/etc/locale.gen",),
}
"""Where these settings are kept."""


def boot_target(tree: Tree) -> None:
    """What the target of the boot is called, and that it is enabled by that name, hangs below the setting."""
    setting = tree.by_scope["system"].get("default-target")
    if setting is None:
        return
    names = {str((side or {}).get("value")) for side in (setting.a, setting.b)}
    for name, unit in tree.by_scope["systemd"].items():
        if name == "default.target" or (name in names and unit.attributes == ("enablement",)):
            tree.hang(unit, setting)


def _paths(setting: Difference) -> Iterator[str]:
    yield from named_in_attributes(setting)
    yield from _FILES.get(setting.key, ())
    yield from named_in_key(setting)


SYSTEM = Scope(
    "system",
    "system setting",
    advice=Advice(mend=_mend),
    paths=_paths,
    entries=Entries(one_statement=lambda *_: True),
    follows={Stage.BOOT: (boot_target,)},
)
