"""Who becomes which account: the identity mapping as Globus' own code loads it, in words, and what is wrong with it."""
