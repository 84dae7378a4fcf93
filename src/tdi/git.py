"""Git, asked for facts of the checkout. Nothing else calls it."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from tdi import process
from tdi.errors import TdiError


def _git(root: Path, *words: str) -> process.Completed:
    # Names of other repositories in the environment (hooks set them) must not lead us astray.
    command = ["env", "-u", "GIT_DIR", "-u", "GIT_WORK_TREE", "-u", "GIT_INDEX_FILE", "git", "-C", str(root)]
    return process.run([*command, *words], check=False, timeout=120)


def _answer(root: Path, *words: str) -> str | None:
    asked = _git(root, *words)
    return asked.stdout.strip() if asked.ok else None


def is_checkout(root: Path) -> bool:
    """Whether `root` is the top of a git work tree, not merely inside of someone else's."""
    top = _answer(root, "rev-parse", "--show-toplevel")
    return top is not None and Path(top).resolve() == root.resolve()


def commit(root: Path, name: str) -> str | None:
    """The full id of the commit that `name` means, or None where it means none here."""
    return _answer(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")


def is_shallow(root: Path) -> bool:
    """Whether history was cut off when this was cloned."""
    return _answer(root, "rev-parse", "--is-shallow-repository") == "true"


def is_dirty(root: Path) -> bool:
    """Whether the work tree differs from HEAD, new files included."""
    return _answer(root, "status", "--porcelain") != ""


def has(root: Path, revision: str, path: str) -> bool:
    """Whether `path` existed at `revision`."""
    return _git(root, "cat-file", "-e", f"{revision}:{path}").ok


def extract(root: Path, revision: str, paths: Sequence[str], target: Path) -> None:
    """Put `paths` as they were at `revision` below `target`."""
    done = _git(root, "archive", "--format=tar", f"--output={target / '.tar'}", revision, "--", *paths)
    if not done.ok:
        raise TdiError(f"git could not give {process.joined(paths)} of {revision[:12]}: {done.last_line}")
    archive = target / ".tar"
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
        tar.extractall(target, filter="data")
    archive.unlink()


def apply(root: Path, patch: Path) -> process.Completed:
    """Apply a patch to a directory, checkout or not; the caller judges."""
    # Without this, git takes the enclosing repository for the target and ignores paths outside of it.
    command = [
        "env",
        f"GIT_CEILING_DIRECTORIES={root.parent}",
        "git",
        "-C",
        str(root),
        "apply",
        "--verbose",
        str(patch),
    ]
    return process.run(command, check=False, timeout=60)


def tracked_files(root: Path) -> list[str]:
    """The files of HEAD."""
    listed = _git(root, "ls-tree", "-r", "-z", "--name-only", "HEAD")
    return [name for name in listed.stdout.split("\0") if name]
