"""What runs at the instrument: the command line today, the station that watches a folder next."""
