"""`tdi mutants ...`."""
