"""The rasters of a map, one a file: what it is called, what it holds, how it is computed.

A module here with a ``LAYER``, or an entry point of the group ``spectile.layers`` in another
package, is all that a new one takes.
"""
