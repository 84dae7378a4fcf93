"""The verdict on a change: the steps that lead to it, what each shows, and how it is told."""
