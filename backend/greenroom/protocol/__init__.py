"""What goes over the wire, version 1: messages, close codes, problem types. Pure; nothing here reads a clock."""
