"""Objects of a scene of any size: found in overlapping windows, each mapped once and whole."""
