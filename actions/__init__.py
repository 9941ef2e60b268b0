"""What Stria does: thin Rasa SDK actions; every decision lives in a pure function beside them."""
