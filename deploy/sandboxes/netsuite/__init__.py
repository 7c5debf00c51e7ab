"""A stand-in for Oracle NetSuite: SuiteTalk REST record v1, several accounts, strict to the published field lists."""
