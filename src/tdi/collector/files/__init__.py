"""The `files` scope: every file, directory and link of the machine's own file systems."""
