"""What a contract needs to be known of it before it can be set up, and where that stands."""
