"""The only door: every face restores pictures through here."""
