"""`tdi init`: looks at a project, and writes what a verdict on it needs."""
