"""The page of the viewer: Bokeh models, a style sheet, and what they do when they are used."""
