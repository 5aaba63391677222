"""Training on regions of a scene, whose windows share the trunk."""
