"""The commands of what scores far away: login, endpoint, function and flow."""
