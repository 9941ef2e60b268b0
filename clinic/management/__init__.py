"""Commands of `python -m clinic`."""
