"""What dpkg keeps beside its packages: diversions, overrides, left-overs, answers."""

from typing import Any

from tdi.collector.leftovers import original
from tdi.state.advice import Advice, Case, mend_other
from tdi.state.finding import Difference, Severity
from tdi.state.scopes.files.advice import merge
from tdi.state.scopes.scope import Entries, Scope, Wrong


def _severity(difference: Difference) -> Severity:
    return Severity.LEFT_OVER if difference.key.startswith("leftover:") else Severity.CONFIGURATION


def _remove(case: Case) -> str:
    kind = case.key.partition(":")[0]
    file = original(case.name)
    if kind == "leftover" and file:
        return merge(file, case.name)
    command = {
        "diversion": f"dpkg-divert --rename --remove {case.name}",
        "statoverride": f"dpkg-statoverride --remove {case.name}",
        "architecture": f"dpkg --remove-architecture {case.name}",
        "debconf": f"echo PURGE | debconf-communicate {case.name.partition('/')[0]}",
    }.get(kind)
    if command is None:
        return "Let the role finish what dpkg began (`dpkg --configure --pending`), or remove the package."
    return f"Add a task that takes it back (`{command}`), or let the role do the same on the {case.names.a} machine."


def _mend(case: Case) -> str:
    if case.key.startswith("debconf:"):
        return f"Let a task answer it alike on both machines (`ansible.builtin.debconf` with `question: {case.name}`)."
    if case.key.startswith("statoverride:"):
        return (
            f"Let a task set it alike on both machines (`dpkg-statoverride --update --force-all --add`, {case.name})."
        )
    return mend_other(case)


def _audit(key: str, _: dict[str, Any]) -> Wrong | None:
    if not key.startswith("audit:"):
        return None
    package = key.removeprefix("audit:")
    return Wrong(
        "audit", Severity.SERVICE, f"dpkg finds package {package} not installed properly.", "Run `dpkg --audit`."
    )


DPKG = Scope(
    "dpkg",
    "dpkg entry",
    severity=_severity,
    advice=Advice(remove=_remove, mend=_mend),
    kinds_of_entries=True,
    entries=Entries(say_rights=True),
    after_machines=False,
    checks=(("audit:", _audit),),
)
