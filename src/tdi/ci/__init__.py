"""For CI servers: what a verdict left in its artifacts, as a job summary and as annotations."""
