"""`tdi base`: empty machines of a platform."""
