"""Speech recognition, speech translation and music genres, scored from texts and labels."""
