"""What can be done to the records, as plain functions: each keeps the rules, writes the history and can be repeated with the same key."""
