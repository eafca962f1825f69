"""Train the built-in networks from any folder of clean photographs."""
