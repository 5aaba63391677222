"""Models for programs without Spectile: ONNX, OpenVINO, QGIS, and a card for people."""
