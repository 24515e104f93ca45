"""Which experts matter: counting what routers choose, and how much memory that takes."""
