"""Folders of images, for classification and segmentation."""
