"""What the four packages must stay, read from their source."""
