"""Maps on disk, and in memory with coordinates: written whole or not at all."""
