"""The PSA as its vendor speaks."""
