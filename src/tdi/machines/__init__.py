"""Machines of a run: their start and end, the run that they belong to, and the promise that nothing of it stays."""
