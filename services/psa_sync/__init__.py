"""Sets contracts up in the PSA: project, milestones and assignments."""
