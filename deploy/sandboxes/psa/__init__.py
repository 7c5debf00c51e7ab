"""A stand-in for a Certinia PSA: projects, milestones, assignments and a roster of resources in a Salesforce org."""
