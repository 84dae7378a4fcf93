"""What the project needs of the computer that it runs on: an engine that answers, and what else there must be."""
