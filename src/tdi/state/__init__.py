"""The state of a whole machine: recording it, comparing two machines, and saying what differs, why and what to do."""
