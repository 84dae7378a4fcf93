"""Records the state of the machine that it runs on: standard library, Python 3.8 and later, run once as root.

The package is sent over standard input as one program (`tdi.state.program`) and imported from memory (`loader.py`), so
it knows no file of its own, and it leaves nothing behind. The first argument is one JSON object, see `Settings`. The
canonical record goes to standard output.

How the work is shared out: one child process collects every small scope, one walks the tree, and one for each core
describes and hashes what the walk finds, while it goes on; the parent puts the parts in order (`record.py`). Whatever
fails costs its own scope only, which then says why.

`scopes/` has a module for each scope or close group of scopes, `files/` the one scope that is shared out, `formats/`
what others have made up; beside them is what they share. `TYPE_CHECKING` is each module's own: to
import it from typing would take milliseconds on each machine.
"""
