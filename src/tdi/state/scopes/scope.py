"""What there is to say of a scope. What a scope does not say is as it is for all."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import Any

from tdi.state import words
from tdi.state.advice import Advice
from tdi.state.finding import Difference, Kind, Names, Severity
from tdi.state.fold.facts import named_paths, said_files
from tdi.state.fold.tree import Group, Tree
from tdi.state.noise import NoiseRule
from tdi.state.record import RecordFile


class Stage(IntEnum):
    """When what follows from a cause is hung below it: what hangs below something stays there."""

    PACKAGES = auto()
    """What packages bring, make and need."""
    ACCOUNTS = auto()
    """What belongs to users and groups."""
    BOOT = auto()
    UNITS = auto()
    """What units are made of, run and listen on."""
    ENTRIES = auto()
    """What is read out of files, of whatever scope."""
    OWN_ENTRIES = auto()
    """What single scopes know of their entries beyond that."""
    EFFECTS = auto()
    """What took effect, and what did not yet."""
    ANSWERS = auto()
    """What services answer."""
    RUNNING = auto()
    """What runs and listens, and has found no other cause."""
    FILE_NAMES = auto()
    """The names of one file."""
    KEPT = auto()
    """What the package tools keep."""
    FILES = auto()
    """What lies in directories, and what is made of other files."""


Step = Callable[[Tree], None]
"""Hangs what follows from something below it."""


@dataclass(frozen=True)
class Cause:
    """Attributes that are told without the others where one of them is behind these."""

    holds: Callable[[Difference], bool]
    """Whether it is so."""
    told: frozenset[str]


@dataclass(frozen=True)
class Entries:
    """How the objects of a scope that are read out of files go together."""

    edited: bool = False
    """One that went and one that came in the same file are one that was edited."""
    keeps: tuple[tuple[Callable[[Difference], str], ...], ...] = ()
    """What an entry keeps when it is edited, the surest first; by itself it is found by its file."""
    one_statement: Callable[[Difference, Difference], bool] = field(default=lambda *_: False)
    """Whether two entries of a file come of one thing in it."""
    hidden: bool = False
    """A file in /etc hides the one of its name that a package brings."""
    say_rights: bool = False
    """They say something of the rights on the file that they are about."""


@dataclass(frozen=True)
class Wrong:
    """What is wrong with an object by itself."""

    attribute: str
    severity: Severity
    why: str
    action: str


Check = Callable[[str, dict[str, Any]], Wrong | None]
"""Takes key and attributes of an object; gives what is wrong with it, if anything is."""


Mark = str | re.Pattern[str]
"""What stands in the key of an object or in its attributes as JSON, within one attribute: others may come beside it."""


@dataclass(frozen=True)
class Broken:
    """An object with what is wrong with it, where more than the object itself had to be looked at."""

    scope: str
    key: str
    attributes: Mapping[str, Any]
    wrong: Wrong


Objects = Mapping[tuple[str, str], Mapping[str, Any]]
"""Scope and key → attributes."""


@dataclass(frozen=True)
class Inherited:
    """What is known where two machines stand on different base images."""

    own: Sequence[Difference]
    """What differs besides what the bases differ in."""
    from_bases: Sequence[Difference]
    bases: tuple[Objects, Objects]
    """The objects of each base image."""


@dataclass(frozen=True)
class Scope:
    """What is known of a scope."""

    name: str
    noun: str
    """What one of its objects is called in a sentence."""
    holds: str = ""
    """What it holds, where the collector's function does not say it."""

    severity: Severity | Callable[[Difference], Severity] = Severity.CONFIGURATION
    examples: Mapping[str, tuple[Difference, ...]] = field(default_factory=dict)
    """Kinds of differences, for the documents, and one or more of each; needed where not all are equally bad."""
    raises: Callable[[Difference], bool] = field(default=lambda _: False)
    """Whether a difference is as bad as it is by itself, whatever it follows from."""

    called: Callable[[Difference], str] | None = None
    """What an object is called, where that is more than the noun and the key."""
    detail: Callable[[Group, Names], str] = field(default=lambda *_: "")
    """What is added to the sentence on an object that only one machine has."""
    clauses: Mapping[str, Callable[[Difference, Names], str | None]] = field(default_factory=dict)
    """Attribute → a clause for it; None where there is no better one than for any attribute."""
    causes: tuple[Cause, ...] = ()
    implied: frozenset[str] = frozenset()
    """Attributes that follow from the others, and are told only where nothing else differs."""
    in_plan: Callable[[Difference], str] = words.in_plan
    """What changes of it, in the few words of a plan."""
    one_text: bool = False
    """Of what follows from an object, a plan shows the text of one file."""

    advice: Advice = field(default_factory=Advice)

    paths: Callable[[Difference], Iterable[str]] = named_paths
    """The paths that the key of an object and its attributes name."""
    comes_from: Callable[[Difference], tuple[str, ...]] = said_files
    """The files that an object says it comes from, whose owner is then its owner."""
    kinds_of_entries: bool = False
    """Its keys begin with what kind of entry it is: "diversion:/usr/bin/x"."""
    entries: Entries | None = None
    """Set where its objects are read out of files, which go with them."""
    takes_entries: bool = False
    """What is read out of a file goes with the file where that goes with one of its objects."""
    accounts_for_files: bool = False
    """Its objects bring files with all that is special about these, and are their own owners."""
    follows: Mapping[Stage, tuple[Step, ...]] = field(default_factory=dict)
    """What follows from its objects, by when that is looked for."""
    follows_bases: Callable[[Difference, Inherited], bool] = field(default=lambda *_: False)
    """Whether a difference that neither base has follows from those that the bases have."""

    noise: tuple[NoiseRule, ...] = ()
    """What of it differs between any two machines."""
    evidence: frozenset[str] = frozenset()
    """Attributes that explain what else differs, and are no part of the state themselves."""
    content: frozenset[str] = frozenset()
    """Attributes that may vary from one new machine to another; the others say what an object is and whose."""
    started: frozenset[str] = frozenset()
    """Attributes that say what has been started: a boot may start what a converge did not, or not what it did."""
    is_started: bool = False
    """Its objects are there because something was started."""
    names: Callable[[str, Callable[[str], str]], str] | None = None
    """The form of a key that machines may choose themselves, `form` being that of a name; None: they choose none."""
    after_machines: bool = True
    """Its objects may be called after the machine; else a host `redis` and the user `redis` only share a word."""

    checks: tuple[tuple[Mark, Check], ...] = ()
    """What in the line of an object calls for which check; most of a million lines are never parsed."""
    looks: tuple[Callable[[RecordFile], Iterator[Broken]], ...] = ()
    """Checks that need more than one object."""


def example(scope: str, key: str, kind: Kind, *attributes: str, **present: Any) -> Difference:
    """A difference for `Scope.examples`, in which the object is `present` where it is."""
    a = None if kind is Kind.ONLY_B else present
    b = None if kind is Kind.ONLY_A else present
    return Difference(scope, key, kind, attributes, a, b)
