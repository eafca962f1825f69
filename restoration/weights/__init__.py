"""Find, download, verify and read weights files."""
