"""The ways in which a role is broken: one edit each, with what it imitates and who should notice."""
