"""`tdi state`: record a machine, compare two records or a fleet, allow a finding."""
