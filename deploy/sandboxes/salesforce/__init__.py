"""A stand-in for a Salesforce org's REST API; the PSA and CRM sandboxes are this org with their own objects."""
