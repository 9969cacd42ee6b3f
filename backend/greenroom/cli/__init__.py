"""The command line: one file for each group of commands, and what several of them share."""
