"""Parts to build networks with: one published idea a file. Imports torch alone."""

from spectile.blocks.squeeze_excitation import SqueezeExcitation

__all__ = ["SqueezeExcitation"]
