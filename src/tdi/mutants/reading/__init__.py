"""Reads the files of a role with the places of what they say, and makes the edits that leave the rest as it is."""
