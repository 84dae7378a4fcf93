"""Git, asked for facts of the checkout. Nothing else calls it."""

import io
import re
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tdi.errors import TdiError
from tdi.outside import process

_HUNK = re.compile(r"(?m)^@@ -\S+ \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True)
class Commit:
    """A commit: its full id and the first line of its message."""

    id: str
    subject: str


def _git(root: Path, *words: str, seconds: float = 120) -> process.Completed:
    # Names of other repositories in the environment (hooks set them) must not lead us astray, and what is asked about a
    # clone without all its contents must not send git to the network.
    command = ["env", "-u", "GIT_DIR", "-u", "GIT_WORK_TREE", "-u", "GIT_INDEX_FILE", "GIT_NO_LAZY_FETCH=1"]
    return process.run([*command, "git", "-C", str(root), *words], check=False, timeout=seconds)


def _answer(root: Path, *words: str) -> str | None:
    asked = _git(root, *words)
    return asked.stdout.strip() if asked.ok else None


def top(root: Path) -> Path | None:
    """The top of the work tree that `root` is in, or None where git does not keep anything below `root`."""
    found = _answer(root, "rev-parse", "--show-toplevel")
    # A directory that merely lies inside of someone else's work tree is not kept there.
    kept = found and _answer(root, "ls-files", "--", ".")
    return Path(found) if found and kept else None


def prefix(root: Path) -> str:
    """The path of `root` below the top of its work tree, with a slash at its end; nothing for the top itself."""
    return _answer(root, "rev-parse", "--show-prefix") or ""


def commit(root: Path, name: str) -> str | None:
    """The full id of the commit that `name` means, or None where it means none here."""
    return _answer(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")


def remote(root: Path) -> str | None:
    """The address of the remote `origin`, without a user's name and password in it, or None where there is none."""
    found = _answer(root, "remote", "get-url", "origin")
    return re.sub(r"^(\w+://)[^/@]*@", r"\1", found) if found else None


def releases(root: Path, revision: str) -> list[tuple[str, str]]:
    """The tags that name commits up to `revision`, each with its commit's id."""
    form = "--format=%(refname:strip=2) %(objectname) %(*objectname)"
    rows = (_answer(root, "tag", "--merged", revision, form) or "").splitlines()
    return [(words[0], words[-1]) for row in rows if len(words := row.split()) > 1]


def names_in(root: Path, revision: str, path: str) -> list[str]:
    """The names in the directory `path` (from the top) at `revision`; nothing where it was not there."""
    # Below the top, git would look for the directory itself once more in it.
    words = ["ls-tree", "--full-tree", "--name-only", f"{revision}:{path.rstrip('/')}"]
    return (_answer(root, *words) or "").splitlines()


def renamed_from(root: Path, former: str, later: str, path: str) -> str | None:
    """The path that the file `path` (from the top) had at `former`, where it was moved since; None where it was not."""
    words = ["diff", "--no-ext-diff", "--no-relative", "--name-status", "--find-renames=40%", "-z", "--diff-filter=R"]
    fields = (_answer(root, *words, former, later) or "").split("\0")
    rows = zip(fields[::3], fields[1::3], fields[2::3], strict=False)
    return next((old for _, old, new in rows if new == path), None)


def is_shallow(root: Path) -> bool:
    """Whether history was cut off when this was cloned."""
    return _answer(root, "rev-parse", "--is-shallow-repository") == "true"


def is_dirty(root: Path, paths: Sequence[str] = ()) -> bool:
    """Whether the work tree, or what of it is below `paths`, differs from HEAD, new files included."""
    return _answer(root, "status", "--porcelain", "--", *paths) != ""


def is_ancestor(root: Path, former: str, later: str) -> bool:
    """Whether `former` is `later` or came before it."""
    return _git(root, "merge-base", "--is-ancestor", former, later).ok


def commits(
    root: Path, revisions: str, paths: Sequence[str], *, pattern: str | None = None, most: int, seconds: float
) -> list[Commit]:
    """At most `most` of the commits in `revisions` that changed something below `paths`, newest first.

    With `pattern`, an extended regular expression, only those that changed how often it occurs in a file. Nothing
    where git cannot say. Raises TdiError where it takes longer than `seconds`.
    """
    search = ["--pickaxe-regex", f"-S{pattern}"] if pattern else []
    log = ["-c", "log.showSignature=false", "log", "--format=%H %s", "--no-color", "--no-ext-diff", "--no-textconv"]
    asked = _git(root, *log, f"--max-count={most}", *search, revisions, "--", *paths, seconds=seconds)
    lines = asked.stdout.splitlines() if asked.ok else []
    return [Commit(*line.partition(" ")[::2]) for line in lines]


def files_with(root: Path, revision: str, pattern: str, paths: Sequence[str], *, seconds: float) -> list[str]:
    """The files below `paths` with a line that matched the extended regular expression `pattern` at `revision`.

    Nothing where git cannot say. Raises TdiError where it takes longer than `seconds`.
    """
    words = ["grep", "--full-name", "-l", "-z", "-I", "-E", "-e", pattern, revision, "--", *paths]
    found = _git(root, *words, seconds=seconds).stdout.split("\0")
    return [name.removeprefix(f"{revision}:") for name in found if name]


def changed_files(root: Path, revision: str, paths: Sequence[str]) -> list[str]:
    """The files below `paths` that a commit changed, added or removed; nothing where git cannot say."""
    words = ["diff-tree", "-r", "-z", "--no-commit-id", "--name-only", "--no-renames", "--root"]
    asked = _git(root, *words, revision, "--", *paths)
    return [name for name in asked.stdout.split("\0") if name] if asked.ok else []


def text_of(root: Path, revision: str, path: str) -> str | None:
    """What a file held at `revision`, or None where it was not there."""
    asked = _git(root, "cat-file", "blob", f"{revision}:{path}")
    return asked.stdout if asked.ok else None


def has(root: Path, revision: str, path: str) -> bool:
    """Whether `path` existed at `revision`."""
    return _git(root, "cat-file", "-e", f"{revision}:{path}").ok


def extract(root: Path, revision: str, paths: Sequence[str], target: Path) -> None:
    """Put `paths` of the work tree whose top is `root` as they were at `revision` below `target`."""
    target.mkdir(parents=True, exist_ok=True)
    # Modes as in a checkout, whoever's umask or git configuration it is.
    command = ["-c", "tar.umask=0022", "archive", "--format=tar", f"--output={target / '.tar'}"]
    done = _git(root, *command, revision, "--", *paths)
    if not done.ok:
        raise TdiError(f"git could not give {process.joined(paths)} of {revision[:12]}: {done.last_line}")
    archive = target / ".tar"
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
        # Debian 12's Python 3.11.2 knows no filters yet; git's archives need none.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(target)  # noqa: S202 (what git archives stays below its root)
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


def work_tree(root: Path) -> list[str]:
    """The files of the work tree as it is, from `root`: what git keeps or would keep, nothing that it ignores.

    Raises TdiError where git cannot say.
    """
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if not listed.ok:
        raise TdiError(f"git cannot list the files of {root}: {listed.last_line}")
    return sorted({name for name in listed.stdout.split("\0") if name})


def changed_lines(root: Path, revision: str) -> dict[str, list[range]]:
    """The lines (from 1) of each file below `root` that are others since the history parted from `revision`.

    What is not committed and what git does not keep yet counts. Of lines that are gone, those on both sides count.
    Raises TdiError where there is no such revision.
    """
    base = _answer(root, "merge-base", revision, "HEAD") if commit(root, revision) else None
    if not base:
        raise TdiError(
            f"git knows no revision {revision} in {root}, or none that has a history in common.",
            "Name a commit, branch or tag of this clone; a shallow one may not have it: git fetch --unshallow",
        )
    untracked = _git(root, "ls-files", "-z", "--others", "--exclude-standard").stdout
    found = {name: [range(1, sys.maxsize)] for name in untracked.split("\0") if name}
    words = ["diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--relative"]
    names = _git(root, *words, "--name-only", "-z", "--diff-filter=d", base, "--", ".").stdout
    for name in filter(None, names.split("\0")):
        hunks = _git(root, *words, "--unified=0", base, "--", f":(literal){name}").stdout
        found[name] = [_range(*hunk) for hunk in _HUNK.findall(hunks)]
    return found


def _range(start: str, count: str) -> range:
    first, lines = int(start), int(count or 1)
    return range(first, first + lines) if lines else range(first, first + 2)
