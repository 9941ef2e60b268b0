"""Strict stand-ins for the platforms: they keep the documented limits, sign what they send, and remember every broken rule in `violations`."""
