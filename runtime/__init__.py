"""How Rasa is kept safe and fast: stores, action client, server, launcher, log hygiene."""
