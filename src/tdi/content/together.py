"""Whether machines can be converged in one run of Ansible, as if each were alone.

One run for both machines is faster. But a role that looks at the other hosts of its play would take the new machine and
production for one cluster: a task with `run_once` would act on one of them only.
"""

import re
from collections.abc import Iterable
from pathlib import Path

_LOOKS_ROUND = re.compile(
    r"\b(?:run_once|hostvars|ansible_play_hosts\w*|ansible_play_batch|play_hosts|ansible_limit|add_host|group_by"
    r"|any_errors_fatal|max_fail_percentage|delegate_to|local_action|throttle)\b"
    r"|^\s*-?\s*(?:serial|order|strategy|connection)\s*:"
    r"|\bgroups\s*(?:\[|\.|\|)",
    re.MULTILINE,
)
_READ = {".yml", ".yaml", ".j2", ".py", ".jinja", ".jinja2", ".tpl"}


def looks_at_other_hosts(paths: Iterable[Path]) -> bool:
    """Whether anything below `paths` may depend on which other hosts are in its play; in doubt it does."""
    files = (file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]))
    return any(_LOOKS_ROUND.search(_text(file)) for file in files if file.suffix in _READ and file.is_file())


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
