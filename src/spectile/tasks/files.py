"""The names of the files that a run writes into its directory."""

CONFIG, MODEL, METRICS = "config.yaml", "model.safetensors", "metrics.json"
CARD, STAC_ITEM = "model.md", "model.json"
HISTORY, CHECKPOINTS, REPORT = "history.csv", "checkpoints", "report.html"
MAP, PICTURE, SPLIT = "map.tif", "map.png", "split.tif"
SPLIT_TABLE, PIXELS, PREDICTIONS = "split.csv", "pixels.csv", "predictions.csv"
TENSORBOARD, CODE = "tensorboard", "code.csv"
