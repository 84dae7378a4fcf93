"""Whether both machines end in the same state: their records, the comparison, and which task made what differs."""
