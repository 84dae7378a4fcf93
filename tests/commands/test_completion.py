"""Shell completion, as docs/reference/settings.md says to turn it on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, Fakes


@pytest.fixture
def as_tdi(fakes: Fakes) -> Fakes:
    """A `tdi` on the PATH, whatever environment the tests run in."""
    program = "import sys; sys.argv[0] = 'tdi'; from tdi.cli import main; main()"
    fakes("tdi", f'exec {sys.executable} -c "{program}" "$@"')
    return fakes


def _completed(line: str, directory: Path) -> list[str]:
    """What bash offers for the last word of a line, completion being turned on as the page says."""
    script = f"""
        eval "$(_TDI_COMPLETE=bash_source tdi)"
        COMP_WORDS=({line}) COMP_CWORD={len(line.split()) - 1}
        _tdi_completion tdi
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True, cwd=directory)
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.usefixtures("as_tdi")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tdi ver", {"verdict"}),
        ("tdi st", {"state"}),
        ("tdi state di", {"diff"}),
        ("tdi state diff --for", {"--format"}),
        ("tdi state diff --format ht", {"html"}),
        ("tdi explain breaks-n", {"breaks-new"}),
        ("tdi no-such", set()),
    ],
)
def test_bash_completes(tmp_path: Path, line: str, offered: set[str]):
    assert set(_completed(line, tmp_path)) == offered


@pytest.mark.usefixtures("as_tdi")
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell_that_the_page_names(shell: str):
    assert f"_TDI_COMPLETE={shell}_source tdi" in (ROOT / "docs" / "reference" / "settings.md").read_text()
    environment = {**os.environ, "_TDI_COMPLETE": f"{shell}_source"}
    done = subprocess.run(["tdi"], check=True, capture_output=True, text=True, env=environment)
    assert "_tdi_completion" in done.stdout
    assert f"_TDI_COMPLETE={shell}_complete" in done.stdout
