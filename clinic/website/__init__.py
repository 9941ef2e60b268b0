"""The clinic's page for its visitors: made from clinic.yml and the answers of data/, with the chat on it."""
