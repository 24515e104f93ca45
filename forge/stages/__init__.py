"""Stages of a recipe: their variants and their parameters."""
