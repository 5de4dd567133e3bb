"""What an administrator copies to an endpoint: its templates, rendered, validated and explained."""
