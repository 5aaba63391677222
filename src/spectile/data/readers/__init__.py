"""Files and arrays of every format, read as scenes and images."""
