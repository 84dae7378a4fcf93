"""Molecule: the scenarios as it describes them, and the front door around it."""
