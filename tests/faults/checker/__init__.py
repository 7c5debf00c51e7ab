"""Says whether the invariants held, from what lies in the stores themselves. It shares no code with the services it judges."""
