"""Work that a person has on an endpoint: begun, followed, cancelled, resumed. Knows no image."""
