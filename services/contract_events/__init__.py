"""What contract systems report becomes one canonical contract: revisions, amendments, approval states."""
