"""The review desk: clinic staff read, help and improve. Reads the bot's events, keeps them masked, and never writes to live data."""
