"""What runs inside ansible-playbook for `tdi state fleet`; in a directory of its own, for Ansible loads all of one."""
