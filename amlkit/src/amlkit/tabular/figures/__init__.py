"""The figures of a training run, drawn with matplotlib as SVG that a page can hold."""
