"""Masks of images: the classes that their numbers or colours stand for."""
