"""A fleet: its hosts are recorded through Ansible, and each is compared with what the others are like."""
