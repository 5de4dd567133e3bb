"""Is everything that a station needs there? Each check names what is wrong and what to do; nothing is changed."""
