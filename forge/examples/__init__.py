"""Real runs, documented: each a recipe with everything that it takes."""
