"""Work that takes longer than a task may: done in turns, by one worker at a time, each from the last checkpoint."""
