"""The outside things that are driven, a module for each: programs, Docker, Ansible, pytest, git, apt, the terminal."""
