"""A small schema registry that speaks Confluent's REST API, for the stack that runs on one machine. Avro only."""
