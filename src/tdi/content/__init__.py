"""Ansible's content of a project: its roles and what they are called, what they need of others, its settings."""
