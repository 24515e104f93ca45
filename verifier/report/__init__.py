"""Reports: the model, and its terminal, JSON, HTML and Markdown forms."""
