"""`tdi machine`: single machines, for the scenarios' playbooks."""
