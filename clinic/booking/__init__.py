"""When somebody can come: the clinic's hours as real moments, and the diaries that know what is taken."""
