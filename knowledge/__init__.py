"""What Stria knows, read and checked for every other room: `data/`, `clinic.yml`, and what a parsed message asks for."""
