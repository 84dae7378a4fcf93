"""The project's ansible.cfg, as the environment variables that mean the same.

Molecule writes an ansible.cfg of its own, which takes the place of the project's. What the project's says about how its
content works (plug-ins, Jinja, variables, become) is handed over by environment; what it says about reaching its
servers and about output is not for machines under test.
"""

import configparser
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tdi.errors import TdiError

NOT_FOR_MACHINES = {
    *("inventory", "remote_user", "private_key_file", "remote_port", "transport", "host_key_checking", "forks"),
    *("timeout", "log_path", "retry_files_enabled", "retry_files_save_path", "strategy", "strategy_plugins"),
    *("stdout_callback", "callbacks_enabled", "callback_whitelist", "bin_ansible_callbacks", "nocows", "nocolor"),
    *("roles_path", "collections_path", "collections_paths", "local_tmp", "remote_tmp", "fact_caching"),
    *("fact_caching_connection", "fact_caching_timeout", "fact_caching_prefix", "interpreter_python", "pipelining"),
    *("display_skipped_hosts", "display_ok_hosts", "callback_result_format", "result_format", "force_color", "home"),
}
"""Options of `[defaults]` that say how to reach servers, where content is (tdi.content.placing) or how to print."""

SECTIONS = ("defaults", "privilege_escalation", "jinja2")
"""The sections that say how content works; the rest is about connections, Galaxy and output."""


def read(file: Path) -> dict[str, str]:
    """What `file` sets, by environment variable; nothing where it is not there.

    Paths in it are relative to it. Raises TdiError where it cannot be read.
    """
    if not file.is_file():
        return {}
    config = configparser.RawConfigParser(inline_comment_prefixes=(";",), strict=False)
    try:
        config.read_string(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise TdiError(f"{file} cannot be read: {' '.join(str(error).split())}.", "Mend the file.") from None
    sections = {name: dict(config[name]) for name in SECTIONS if config.has_section(name)}
    kept = {
        name: {key: value for key, value in options.items() if key not in NOT_FOR_MACHINES}
        for name, options in sections.items()
    }
    return dict(_variables(kept, file.parent))


def variables_of(sections: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The environment variables that mean the same as options of an ansible.cfg: they would win over it."""
    return {
        variable for name, options in sections.items() for key in options for variable in _known().get((name, key), ())
    }


def _variables(sections: Mapping[str, Mapping[str, str]], beside: Path) -> Iterator[tuple[str, str]]:
    for name, options in sections.items():
        for key, value in options.items():
            for variable in _known().get((name, key), ())[:1]:
                yield variable, _absolute(value, beside) if _are_paths(name, key) else value


@cache
def _definitions() -> dict[str, Any]:
    from ansible.config.manager import ConfigManager  # noqa: PLC0415 (Ansible takes long to load, and few need it)

    found: dict[str, Any] = ConfigManager().get_configuration_definitions()
    return found


@cache
def _known() -> dict[tuple[str, str], list[str]]:
    """(section, option) → the environment variables that set it."""
    return {
        (ini["section"], ini["key"]): [each["name"] for each in said.get("env") or () if "name" in each]
        for said in _definitions().values()
        for ini in said.get("ini") or ()
    }


def _are_paths(section: str, key: str) -> bool:
    kinds = {
        said.get("type")
        for said in _definitions().values()
        for ini in said.get("ini") or ()
        if (ini["section"], ini["key"]) == (section, key)
    }
    return bool(kinds & {"path", "pathspec", "pathlist"})


def _absolute(value: str, beside: Path) -> str:
    parts = (part.strip() for part in value.split(os.pathsep))
    return os.pathsep.join(part if part.startswith("~") else str((beside / part).absolute()) for part in parts if part)
