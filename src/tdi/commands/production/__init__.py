"""`tdi production`: machines as production is before the change."""
