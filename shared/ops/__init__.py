"""What people and deployments do with a Throughline: prepare it, run it, look into it."""
