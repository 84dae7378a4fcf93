"""What the role removes: its undeclared sites and the distribution's default site, and nothing of anybody else."""

import shutil

import pytest

import plays
from conftest import ROOT

DECLARED = [{"name": "website", "server_name": "_", "port": 80, "page": "up"}]
FILES = [
    "sites/default",
    "sites/ansible-website",
    "sites/ansible-gone",
    "sites/ansible-shared",
    "sites/default-of-somebody",
    "sites/ansible-.hidden",
    "sites/my-ansible-site",
    "pages/website/index.html",
    "pages/gone/index.html",
    "pages/shared/index.html",
    "pages/shared/of-somebody.txt",
    "pages/default/index.html",
]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What is left of the files when the role has removed what is not declared."""
    directory = tmp_path_factory.mktemp("removal")
    machine = directory / "machine"
    for name in FILES:
        (machine / name).parent.mkdir(parents=True, exist_ok=True)
        (machine / name).write_text("")
    # The role as it is, but for its handlers, which would act on this machine's nginx.
    shutil.copytree(ROOT / "roles" / "nginx", directory / "roles" / "nginx", ignore=shutil.ignore_patterns("handlers"))
    variables = {
        "nginx_sites": DECLARED,
        "__nginx_sites_directory": str(machine / "sites"),
        "__nginx_pages_directory": str(machine / "pages"),
    }
    said = plays.run(
        directory,
        [{"ansible.builtin.include_role": {"name": "nginx", "tasks_from": "remove"}}],
        handlers=[{"listen": "Check and reload nginx", "ansible.builtin.debug": {"msg": "notified"}}],
        extra=variables,
    )
    assert '"msg": "notified"' in said
    return {str(path.relative_to(machine)) for path in machine.rglob("*")} - {"sites", "pages"}


def test_the_default_site_and_undeclared_sites_are_removed_with_their_pages(left: set[str]):
    assert left.isdisjoint({"sites/default", "sites/ansible-gone", "pages/gone", "pages/gone/index.html"})


def test_a_declared_site_stays(left: set[str]):
    assert {"sites/ansible-website", "pages/website/index.html"} <= left


def test_another_s_site_stays_whatever_its_name_has_in_common(left: set[str]):
    assert {"sites/default-of-somebody", "sites/ansible-.hidden", "sites/my-ansible-site"} <= left


def test_a_directory_stays_in_which_somebody_else_put_files(left: set[str]):
    assert "sites/ansible-shared" not in left
    assert "pages/shared/of-somebody.txt" in left
    assert "pages/shared/index.html" not in left


def test_no_page_is_taken_for_that_of_the_default_site(left: set[str]):
    assert "pages/default/index.html" in left
