"""Small honest programs that do the same in the usual way: what one would write without Greenroom."""
