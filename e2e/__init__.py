"""User stories in a real browser, one file per capability. `scripts/e2e` runs them."""
