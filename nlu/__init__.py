"""How Stria understands: the clinic's spaCy pipeline and the Rasa components built on it."""
