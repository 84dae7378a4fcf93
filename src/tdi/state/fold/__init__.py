"""Folding: differences that have one cause become one group."""
