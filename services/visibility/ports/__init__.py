"""What the deciders hand to the projection (`rows`), what readers get back (`views`), and who answers them (`reading`)."""
