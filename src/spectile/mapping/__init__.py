"""Scene and model to map: exact dense evaluation, patch by patch, the writer."""
