"""Work that is done later and lost never: the queue's promises, its rules, and who works it off."""
