"""What arrives at psa_sync, each with the decision that follows."""
