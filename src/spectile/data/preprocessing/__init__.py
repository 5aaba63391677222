"""From a scene's bands to the components that a network takes."""
