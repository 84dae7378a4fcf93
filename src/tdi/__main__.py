"""`python -m tdi`: the same as the `tdi` command; playbooks use it, for it needs no PATH."""

from tdi.cli import main

main()
