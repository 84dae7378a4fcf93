"""Mutation testing: a role is broken on purpose, one edit at a time, and what the suite notices is counted."""
