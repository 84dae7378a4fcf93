"""What a second caller of the role was asked for, who has a site of each other kind (shared/converge.yml)."""

FILES = ("local", "files.root", "proxy.proxy", "former.redirect", "secure")
"""What the files of its sites are called, after its own word."""

SOCKETS = ("127.0.0.1:8092", "0.0.0.0:443", "[::]:443")
"""Where nginx listens for it, and not for the first caller."""
