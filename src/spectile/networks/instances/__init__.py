"""Networks that find objects, each with its box, its class and its mask."""
