"""[3a] The runner that scores on an endpoint of Globus Compute: its service, the tasks that are out, their answers."""
