"""Tables of the review desk."""
