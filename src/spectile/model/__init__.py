"""A trained model and its file, which runs no code when it is read."""

from spectile.model.model import Model as Model
from spectile.model.model import load as load
