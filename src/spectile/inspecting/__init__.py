"""What goes on inside a trained network, as numbers: gates, kernels, places, bands. A file an idea.

All of it is read by forward hooks on the blocks that the network has; nothing is changed.
"""
