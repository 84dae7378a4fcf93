"""Publishing: production's image after each merge, its succession in the registry, and whether it still is what runs."""
