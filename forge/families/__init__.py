"""Model families: what each architecture can be put through, and by which method. Torch-free."""
