"""`greenroom train`: reads labelled texts, has a process of its own learn from them, and hands the version on."""
