"""The project that is worked on: where its parts are, and fingerprints of what goes into a machine."""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tdi import settings
from tdi.errors import TdiError
from tdi.outside.files import make_directory

SCENARIO_PLACES = ("molecule", "extensions/molecule")
"""Where Molecule looks for scenarios: in a role or a playbook project, and in a collection."""

CONTENT = (
    *("tasks", "handlers", "defaults", "vars", "templates", "files", "meta", "library", "module_utils"),
    *("roles", "playbooks", "plugins", "group_vars", "host_vars", "inventory", "inventories"),
    *("action_plugins", "callback_plugins", "filter_plugins", "lookup_plugins", "strategy_plugins", "test_plugins"),
    *("vars_plugins", "galaxy.yml", "ansible.cfg", "requirements.yml", "requirements.yaml"),
)
"""What Ansible reads of a role, a collection or a playbook project, by the names that Ansible gives it."""

SOURCES = (*CONTENT, *SCENARIO_PLACES, ":(glob)*.yml", ":(glob)*.yaml", ":(exclude,glob)**/verifier/**")
"""What decides on what a machine becomes, as git's pathspecs from the project's root: the content and the scenarios."""

_PLAYBOOK = re.compile(r"^\s*-?\s*(?:hosts|(?:ansible\.builtin\.)?import_playbook)\s*:", re.MULTILINE)


@dataclass(frozen=True)
class Project:
    """A project, by its root directory; `artifacts` is where results of a run are kept."""

    root: Path
    artifacts: Path

    @classmethod
    def find(cls, start: Path | None = None) -> "Project":
        """The project that holds `start` (the working directory). Raises TdiError outside of one."""
        here = (start or Path.cwd()).resolve()
        for directory in (here, *here.parents):
            if any((directory / place / "fresh" / "molecule.yml").is_file() for place in SCENARIO_PLACES):
                return cls.at(_whole(directory))
        raise TdiError(
            f"{here} is not inside a project: neither here nor above it is a molecule/fresh/molecule.yml.",
            "Change into the project; where it has none yet: tdi init",
        )

    @classmethod
    def at(cls, root: Path) -> "Project":
        """The project with this root, whether it has scenarios yet or not."""
        return cls(root, (settings.artifacts() or root / "artifacts").absolute())

    @property
    def scenarios(self) -> Path:
        """The directory of Molecule's scenarios."""
        places = [self.root / place for place in SCENARIO_PLACES]
        return next((place for place in places if (place / "fresh").is_dir()), places[0])

    @property
    def verifier(self) -> Path:
        """The Testinfra tests, and the rules of the comparison beside them."""
        return self.scenarios / "verifier"

    def settings_file(self, name: str) -> Path:
        """A file of the project's settings, beside the scenarios or the tests.

        `rules.yml` and `record.yml` say what there is to say of the comparison, `production.yml` where images are.

        Beside the scenarios, linters do not take them for playbooks.
        """
        places = (self.scenarios / name, self.verifier / name)
        return next((file for file in places if file.is_file()), places[1])

    @property
    def registry(self) -> str | None:
        """The repository of published production images, or None where the project has none.

        TDI_REGISTRY says it, else `registry:` in production.yml. `{platform}` in it stands for the platform's name.
        Raises TdiError where the file cannot be used.
        """
        return settings.registry() or _registry_in(self.settings_file("production.yml"))

    @property
    def records(self) -> Path:
        """Where the records of machines are kept between steps and runs."""
        return self.artifacts / "records"

    @property
    def content(self) -> list[Path]:
        """What Ansible reads of the project besides its scenarios: roles, variables, plug-ins, playbooks."""
        named = [self.root / name for name in sorted(CONTENT)]
        playbooks = (file for ending in ("yml", "yaml") for file in sorted(self.root.glob(f"[!.]*.{ending}")))
        return [path for path in named if path.exists()] + [file for file in playbooks if _is_playbook(file)]

    def scenario(self, name: str) -> Path:
        """The directory of a Molecule scenario."""
        return self.scenarios / name

    def prepare_artifacts(self) -> None:
        """Create the directory for results. Raises TdiError where it cannot be written."""
        try:
            make_directory(self.records)
            with tempfile.TemporaryFile(dir=self.artifacts):
                pass
        except OSError as error:
            raise TdiError(
                f"Results cannot be written to {self.artifacts}: {error.strerror}.",
                "Make the directory writable, or name another one in TDI_ARTIFACTS.",
            ) from None


def _registry_in(file: Path) -> str | None:
    """What `registry:` says in a file, or None where there is no file. Raises TdiError where it says anything else."""
    if not file.is_file():
        return None
    import yaml  # noqa: PLC0415 (most commands read no such file)

    remedy = "It has one line: `registry: HOST/REPOSITORY`."
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TdiError(f"{file} cannot be used: {' '.join(str(error).split())}.", remedy) from None
    if not isinstance(said, dict) or set(said) != {"registry"} or not isinstance(said["registry"], str):
        raise TdiError(f"{file} cannot be used: it says something else than a registry.", remedy)
    return said["registry"]


def _whole(directory: Path) -> Path:
    """The collection, where `directory` is only its extensions: from there its scenarios look like a project's."""
    if directory.name != "extensions":
        return directory
    is_collection = (directory.parent / "galaxy.yml").is_file()
    return directory if Project.at(directory).content and not is_collection else directory.parent


def _is_playbook(file: Path) -> bool:
    try:
        return _PLAYBOOK.search(file.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:
        return False


def fingerprint(paths: Iterable[Path]) -> str:
    """A hash of files and of all files below directories: their relative names, modes and contents.

    Byte code is left out, for it comes and goes with the tools that ran. The order of `paths` counts.
    """
    digest = hashlib.sha256()
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            missing = not file.exists() and not file.is_symlink()
            if missing or "__pycache__" in file.parts or (file.is_dir() and not file.is_symlink()):
                continue
            content = str(file.readlink()).encode() if file.is_symlink() else file.read_bytes()
            name = file.relative_to(path.parent).as_posix()
            executable = bool(file.lstat().st_mode & 0o100)
            digest.update(f"{name}\0{executable}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()[:32]


@contextmanager
def kept(temporary: Path, final: Path) -> Iterator[None]:
    """Keep what is written to `temporary` in `final` at the end, in place of what was there; runs never mix."""
    make_directory(temporary)
    try:
        yield
    finally:
        shutil.rmtree(final, ignore_errors=True)
        shutil.copytree(temporary, final, dirs_exist_ok=True)
