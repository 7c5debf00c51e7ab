"""The image that every process of Throughline runs from, and how a container of it starts."""
