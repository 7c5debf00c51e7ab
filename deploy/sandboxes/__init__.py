"""Stand-ins for the vendors: HTTP servers strict to the published contracts, which can be told to fail. Never deployed."""
