"""Small labelled data sets that come with Greenroom, for examples and tests that need no network."""
