"""The engine: recipes in, folders out."""
