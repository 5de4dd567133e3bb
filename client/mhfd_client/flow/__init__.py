"""What the flow runner is made of: the service, the runs that are out, and the reports that came back."""
