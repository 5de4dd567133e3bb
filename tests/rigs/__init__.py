"""What several tests are made of: reports, runs, folders, services. A rig holds no test; no test imports another."""
