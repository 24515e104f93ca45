"""Checks: claim + evidence -> verdict, one module a tier."""
