"""Load on production while it is upgraded: what a project declares, and what of it was lost."""
