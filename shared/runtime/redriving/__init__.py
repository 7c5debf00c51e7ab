"""Dead letters decided once more because a person says so: judged without writing, planned, applied, edited, discarded."""
