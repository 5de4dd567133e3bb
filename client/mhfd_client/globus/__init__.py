"""Who we are to Globus: login, tokens, consents, and the clients made from them."""
