"""What the Testinfra tests of a project are given: records, the comparison, a connection that stays open."""
