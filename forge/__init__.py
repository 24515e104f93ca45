"""What makes artifacts. Importing it needs neither torch nor numpy."""
