"""What may be set, where it is read from, and where this user's files lie."""
