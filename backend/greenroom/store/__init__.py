"""What outlives the server: tables, their migrations, and the one way to write to them."""
