"""The commands of `tdi`: a module for each, where its words on the command line say (`tdi base build`: base/build.py).

Each has its options and what it does in `command`, and imports what it needs: it is imported when it is called.
"""
