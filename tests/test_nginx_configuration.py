"""The role's module that exchanges the configuration: all or nothing, and what nginx's words and files say to it."""

import importlib.util
import os
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from conftest import ROOT


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, with a directory of its own in place of nginx's."""
    spec = importlib.util.spec_from_file_location(
        "nginx_configuration", ROOT / "roles/nginx/library/nginx_configuration.py"
    )
    assert spec
    assert spec.loader
    # Byte code beside it would be a part of the role.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for directory in ("sites-available", "sites-enabled", "conf.d"):
        (tmp_path / directory).mkdir()
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    monkeypatch.setattr(module, "AVAILABLE", f"{tmp_path}/sites-available")
    monkeypatch.setattr(module, "ENABLED", f"{tmp_path}/sites-enabled")
    return module


def tree(directory: Path) -> dict[str, str]:
    """Each file and link below a directory with what it says."""
    found = sorted(path for path in directory.rglob("*") if path.is_symlink() or path.is_file())
    names = (str(path.relative_to(directory)) for path in found)
    return {
        name: f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
        for name, path in zip(names, found, strict=True)
    }


def states(module: ModuleType, root: Path) -> dict[str, object]:
    mine = (0o644, os.getuid(), os.getgid())
    wanted = module.wanted_states(
        {
            "files": {
                f"{root}/sites-available/a": "new",
                f"{root}/sites-available/b": "b",
                f"{root}/conf.d/x.conf": "",
            },
            "enabled": ["a", "b"],
            "disabled": ["default", "former"],
        }
    )
    return {
        path: ("file", state[1], *mine) if state and state[0] == "file" else state for path, state in wanted.items()
    }


@pytest.fixture
def before(tmp_path: Path, module: ModuleType) -> dict[str, str]:
    """What is there before an exchange: a site, the default, a site of the former layout, and a file for all."""
    del module
    (tmp_path / "sites-available" / "a").write_text("old")
    (tmp_path / "sites-available" / "default").write_text("")
    (tmp_path / "sites-enabled" / "a").symlink_to("../sites-available/a")
    (tmp_path / "sites-enabled" / "default").symlink_to("../sites-available/default")
    (tmp_path / "sites-enabled" / "former").write_text("former")
    (tmp_path / "conf.d" / "x.conf").write_text("x")
    return tree(tmp_path)


def test_an_exchange_leaves_what_is_wanted_and_nothing_else(module: ModuleType, tmp_path: Path, before: dict[str, str]):
    del before
    with module.exchanged(states(module, tmp_path)):
        pass
    assert tree(tmp_path) == {
        "sites-available/a": "new",
        "sites-available/b": "b",
        "sites-available/default": "",
        "sites-available/former": "former",
        "sites-enabled/a": "-> ../sites-available/a",
        "sites-enabled/b": "-> ../sites-available/b",
    }
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_refusal_puts_all_back_but_new_files_that_nothing_reads(
    module: ModuleType, tmp_path: Path, before: dict[str, str]
):
    inode = (tmp_path / "sites-available" / "a").stat().st_ino
    with pytest.raises(module.RefusedError), module.exchanged(states(module, tmp_path)):
        raise module.RefusedError
    assert tree(tmp_path) == before | {"sites-available/b": "b", "sites-available/former": "former"}
    assert (tmp_path / "sites-available" / "a").stat().st_ino == inode
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["prepare", "os.replace"])
def test_an_error_on_the_way_leaves_all_as_it_was(
    module: ModuleType, tmp_path: Path, before: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str
):
    wanted = states(module, tmp_path)
    if name == "prepare":
        original, times = module.prepare, iter(range(9))

        def full(state: object, path: str) -> None:
            if next(times) == 1:
                raise OSError(28, "No space left on device")
            original(state, path)

        monkeypatch.setattr(module, "prepare", full)
    else:
        original_replace, calls = os.replace, iter(range(99))

        def once(source: str, target: str) -> None:
            if next(calls) == 2:
                raise OSError(5, "Input/output error")
            original_replace(source, target)

        monkeypatch.setattr(module.os, "replace", once)
    with pytest.raises(OSError, match=r"No space|Input/output"), module.exchanged(wanted):
        raise AssertionError
    kept = {"sites-available/b", "sites-available/former"}
    assert {path: text for path, text in tree(tmp_path).items() if path not in kept} == before


def test_what_a_killed_exchange_left_is_removed(module: ModuleType, tmp_path: Path):
    (tmp_path / ".ansible-x").mkdir()
    (tmp_path / ".ansible-x" / "old-0").write_text("x")
    with module.exchanged({}):
        pass
    assert tree(tmp_path) == {}


def test_what_nginx_reads_and_was_written_since_is_not_loaded(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    (tmp_path / "nginx.conf").write_text("")
    (tmp_path / "unread.conf").write_text("")
    dump = f"""# configuration file {tmp_path}/nginx.conf:
include conf.d/*.conf;
    ssl_certificate a.crt;
    ssl_certificate_key "{tmp_path}/a.key";
    ssl_certificate $name.crt;
    # ssl_certificate old.crt;
"""
    for name in ("a.crt", "a.key"):
        (tmp_path / name).write_text("")
    now = time.time() - boot
    monkeypatch.setattr(module, "serving_since", lambda _: now - 60)
    everything = [f"{tmp_path}/{name}" for name in ("a.crt", "a.key", "conf.d", "nginx.conf")]
    assert module.not_loaded(1, dump) == everything
    monkeypatch.setattr(module, "serving_since", lambda _: now + 60)
    assert module.not_loaded(1, dump) == []


def test_nginx_s_words_are_told_without_time_and_process(module: ModuleType):
    said = """2026/11/27 10:00:00 [notice] 12#12: signal process started
2026/11/27 10:00:00 [emerg] 12#12: bind() to 0.0.0.0:90 failed (98: Address already in use)
2026/11/27 10:00:01 [emerg] 12#12: bind() to 0.0.0.0:90 failed (98: Address already in use)
nginx: [emerg] unknown directive "x" in /etc/nginx/sites-enabled/a:3
"""
    assert module.complaints(said) == [
        "bind() to 0.0.0.0:90 failed (98: Address already in use)",
        'unknown directive "x" in /etc/nginx/sites-enabled/a:3',
    ]


def test_whose_socket_a_port_is(module: ModuleType, monkeypatch: pytest.MonkeyPatch):
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1 0 100 0 0 10 0\n"
        "   1: 00000000:0051 00000000:0000 01 00000000:00000000 00:00000000 00000000 0 0 4712 1 0 100 0 0 10 0\n"
    )
    monkeypatch.setattr(module, "text_of", lambda path: table if path == "/proc/net/tcp" else "")
    monkeypatch.setattr(module.glob, "glob", lambda _: ["/proc/1/fd/5"])
    monkeypatch.setattr(module.os.path, "islink", lambda _: True)
    monkeypatch.setattr(module.os, "readlink", lambda _: "socket:[4711]")
    assert module.listens(1, 80)
    assert not module.listens(1, 81)
    monkeypatch.setattr(module.os, "readlink", lambda _: "socket:[4712]")
    assert not module.listens(1, 80)


class Systemd:
    """What the module hears of systemd, and of nginx as often as it looks."""

    def __init__(self, module: ModuleType, monkeypatch: pytest.MonkeyPatch, *, active: bool, looks: list[int | None]):
        self.active, self.looks, self.asked = active, looks, [""]
        monkeypatch.setattr(module, "run", self.run)
        monkeypatch.setattr(module, "master", lambda: self.looks.pop(0) if len(self.looks) > 1 else self.looks[0])
        monkeypatch.setattr(module, "PATIENCE", 0.3)

    def run(self, *words: str) -> SimpleNamespace:
        self.asked.append(" ".join(words))
        said = "nginx: [emerg] no such thing" if words[0] == "journalctl" else ""
        code = 0 if self.active or words[1] != "is-active" else 3
        return SimpleNamespace(returncode=code, stdout=said, stderr="")


def test_a_started_nginx_that_does_not_call_itself_the_master_yet_is_waited_for(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    systemd = Systemd(module, monkeypatch, active=True, looks=[None, None, 7])
    module.systemctl("start")
    assert "systemctl start nginx" in systemd.asked


def test_an_nginx_that_has_ended_is_not_waited_for(module: ModuleType, monkeypatch: pytest.MonkeyPatch):
    systemd = Systemd(module, monkeypatch, active=False, looks=[None])
    with pytest.raises(module.RefusedError, match="no such thing"):
        module.systemctl("start")
    assert systemd.asked.count("systemctl is-active nginx") == 1


def test_an_nginx_that_never_comes_is_not_waited_for_without_end(module: ModuleType, monkeypatch: pytest.MonkeyPatch):
    Systemd(module, monkeypatch, active=True, looks=[None])
    with pytest.raises(module.RefusedError, match="no such thing"):
        module.systemctl("start")
