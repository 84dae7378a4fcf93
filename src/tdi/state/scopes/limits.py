"""What users may take of the machine: open files, processes, memory."""

from tdi.state.advice import Advice
from tdi.state.scopes.entries import make_entry, mend_entry
from tdi.state.scopes.scope import Entries, Scope

LIMITS = Scope(
    "limits",
    "limit",
    advice=Advice(make=make_entry, mend=mend_entry),
    entries=Entries(edited=True, hidden=True),
)
