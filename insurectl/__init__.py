"""insurectl: load testing and capacity planning with a real insurance system bundled."""

__version__ = "0.1.0"
