"""Publishing: production's image after each merge, who succeeds whom, and whether it still is what runs."""
