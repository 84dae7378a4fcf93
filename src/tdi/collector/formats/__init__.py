"""Formats that others have made up, and that the standard library does not read."""
