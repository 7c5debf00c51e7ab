"""A stand-in for the firm's CRM: accounts and contracts in a Salesforce org."""
