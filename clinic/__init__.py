"""What Stria records: a Django project for bookings, hand-offs, consents and requests, its outbox, and the staff's site."""
