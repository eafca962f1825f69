"""Training and measuring; the application never imports it."""
