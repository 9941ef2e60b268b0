"""Where Stria talks: one connector a platform, one renderer for all."""
