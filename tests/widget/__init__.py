"""Browser tests of the chat."""
