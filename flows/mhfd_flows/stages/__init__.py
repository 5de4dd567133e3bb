"""What flows are made of: bring, act, give back, clean, and what only the check of focus has.

Each is a function that gives a `build.FlowStage`: its states, what can go wrong, the words for a person. A stage knows
none of the others, and runs nothing.
"""
