"""insurectl: load testing and capacity planning with a real insurance system bundled."""
