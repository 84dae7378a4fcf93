"""The project's ansible.cfg as environment variables: what says how content works, and nothing of servers."""

from pathlib import Path

import pytest

from tdi.content import ansible_cfg
from tdi.errors import TdiError


def read(directory: Path, text: str) -> dict[str, str]:
    file = directory / "ansible.cfg"
    file.write_text(text)
    return ansible_cfg.read(file)


def test_what_says_how_content_works_is_handed_over(tmp_path: Path):
    found = read(
        tmp_path,
        "[defaults]\nhash_behaviour = merge ; as ever\nforce_handlers: True\n"
        "[privilege_escalation]\nbecome = yes\nbecome_method = su\n",
    )
    assert found == {
        "ANSIBLE_HASH_BEHAVIOUR": "merge",
        "ANSIBLE_FORCE_HANDLERS": "True",
        "ANSIBLE_BECOME": "yes",
        "ANSIBLE_BECOME_METHOD": "su",
    }


@pytest.mark.parametrize(
    "text",
    [
        "inventory = hosts.ini",
        "remote_user = deploy",
        "private_key_file = key",
        "host_key_checking = no",
        "strategy = free",
        "strategy_plugins = plugins",
        "stdout_callback = yaml",
        "callbacks_enabled = profile_tasks",
        "roles_path = roles",
        "collections_path = here",
        "interpreter_python = auto",
        "log_path = ansible.log",
        "fact_caching = jsonfile",
        "local_tmp = x",
        "no_such_option = x",
    ],
)
def test_what_says_how_to_reach_servers_or_how_to_print_is_not_for_machines(tmp_path: Path, text: str):
    assert read(tmp_path, f"[defaults]\n{text}\n") == {}


def test_sections_about_connections_and_galaxy_are_left_out(tmp_path: Path):
    assert (
        read(tmp_path, "[ssh_connection]\npipelining = yes\n[galaxy]\nserver_list = a\n[galaxy_server.a]\nurl=b\n")
        == {}
    )


def test_paths_are_relative_to_the_file(tmp_path: Path):
    project = tmp_path / "project"
    project.mkdir()
    found = read(
        project,
        "[defaults]\nfilter_plugins = plugins/filter : ../shared:/usr/share/x:~/mine\n"
        "vault_password_file = .vault\nlibrary = ./library\n",
    )
    assert found["ANSIBLE_FILTER_PLUGINS"] == f"{project}/plugins/filter:{project}/../shared:/usr/share/x:~/mine"
    assert found["ANSIBLE_VAULT_PASSWORD_FILE"] == f"{project}/.vault"
    assert found["ANSIBLE_LIBRARY"] == f"{project}/library"


def test_a_project_without_one_has_no_settings(tmp_path: Path):
    assert ansible_cfg.read(tmp_path / "ansible.cfg") == {}
    assert read(tmp_path, "") == {}


@pytest.mark.parametrize("text", ["no section\n", "[defaults\na = b\n", "[defaults]\nwords alone\n", "\udcff"])
def test_a_file_that_cannot_be_read_is_an_error_in_one_line(tmp_path: Path, text: str):
    file = tmp_path / "ansible.cfg"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(TdiError) as error:
        ansible_cfg.read(file)
    assert error.value.what.startswith(f"{file} cannot be read: ")
    assert "\n" not in error.value.what


@pytest.mark.parametrize("text", ["[defaults]\nforks = 1\nforks = 2\n", "[defaults]\ngathering = 50%\n"])
def test_what_ansible_bears_is_no_error(tmp_path: Path, text: str):
    read(tmp_path, text)


def test_the_variables_that_would_win_over_options_are_known():
    found = ansible_cfg.variables_of({"defaults": {"timeout": 5, "interpreter_python": "x"}, "nowhere": {"a": 1}})
    assert found >= {"ANSIBLE_TIMEOUT", "ANSIBLE_PYTHON_INTERPRETER"}
    assert ansible_cfg.variables_of({}) == set()
