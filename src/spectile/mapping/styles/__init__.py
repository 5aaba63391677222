"""How maps look: colours, pictures, styles of QGIS."""
