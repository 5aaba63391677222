"""How long work tells how far it is, whatever it counts: pixels of a map, images, masks."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called now and then with how many are done, and how many there are in all."""
