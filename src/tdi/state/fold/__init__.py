"""Folds differences that have one cause into one group, so that a finding is one thing to understand and to mend.

Each step names a cause among the differences and hangs those that follow from it below it. A modified conffile is
never hung below anything but the entry that was read out of it, a new setuid bit or capability only below the package
that brings it: an administrator has to see them.
"""

from collections.abc import Collection, Iterable

from tdi.state.finding import Difference, Kind
from tdi.state.fold.accounts import belongings, memberships, own_groups, ownership, renamed_accounts
from tdi.state.fold.entries import (
    alternative_links,
    apt_configuration,
    at_jobs,
    declared_in_files,
    edited_entries,
    hidden_entries,
    mounted,
    packet_filter,
)
from tdi.state.fold.files import (
    derived_files,
    directory_contents,
    emptied_directories,
    hard_links,
    link_targets,
    python_metadata,
    wrappers,
)
from tdi.state.fold.packages import (
    conffile_states,
    dependencies_of_packages,
    package_makes,
    package_state,
    package_tools,
    packaged_entries,
    packaged_files,
)
from tdi.state.fold.processes import effects, lone_processes, probe_parts, shared_debt, stale_units
from tdi.state.fold.tree import Group, Tree
from tdi.state.fold.units import boot_target, lost_programs, shared_drop_ins, unit_effects, unit_files


def fold(differences: Iterable[Difference], bare: Collection[tuple[str, Kind]] = ()) -> list[Group]:
    """Group `differences` by what caused them; every difference is in exactly one group.

    `bare`: the directories in which one machine has nothing, each with the kind of what only the other one has there.
    """
    tree = Tree(differences, bare)
    for step in _STEPS:
        step(tree)
    return tree.groups()


_STEPS = (
    packaged_files,
    packaged_entries,
    dependencies_of_packages,
    package_makes,
    renamed_accounts,
    own_groups,
    memberships,
    ownership,
    belongings,
    boot_target,
    shared_drop_ins,
    lost_programs,
    unit_files,
    unit_effects,
    edited_entries,
    declared_in_files,
    hidden_entries,
    apt_configuration,
    alternative_links,
    mounted,
    at_jobs,
    packet_filter,
    effects,
    probe_parts,
    stale_units,
    shared_debt,
    lone_processes,
    hard_links,
    conffile_states,
    package_state,
    package_tools,
    derived_files,
    python_metadata,
    link_targets,
    directory_contents,
    wrappers,
    emptied_directories,
)
"""In this order: what hangs below something stays there."""
