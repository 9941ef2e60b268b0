"""Django's SQLite backend, which stays with the file that is there."""
