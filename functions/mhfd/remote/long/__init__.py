"""Work that takes longer than a task may: done in turns, by one worker at a time, each from the last checkpoint.

running      the way in: a long function's request -> its answer
asked        one request at its work's folder: has it ended? is it another's? else one turn
turn         what a function is given: where it was, save, beat, artefact
lease        one turn's hold on the work: kept alive, given up
checkpoints  what was saved, to go on from
claims       whose the work is, and when nobody's
block        one worker at a time where workers share GPUs
machine      which processes are gone; the clock
disk         files of the work's folder, where many machines share it
"""
