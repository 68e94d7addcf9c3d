"""The project file: where it lies, how it is read and checked."""
