"""Which kernel modules are loaded at boot, and how."""

from tdi.state.advice import Advice
from tdi.state.scopes.entries import make_entry, mend_entry
from tdi.state.scopes.scope import Entries, Scope

MODULES = Scope(
    "modules",
    "kernel module setting",
    advice=Advice(make=make_entry, mend=mend_entry),
    entries=Entries(edited=True, hidden=True),
)
