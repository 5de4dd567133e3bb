"""Is what a station keeps still what it wrote, byte by byte; and what can be made anew of what is not?"""
