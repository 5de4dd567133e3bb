"""[2] The durable record: the only owner of an image's state, and the only writer of the state folder's database."""
