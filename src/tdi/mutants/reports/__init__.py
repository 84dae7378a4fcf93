"""What is told of mutants: on the terminal, for the viewer, for a job's summary."""
