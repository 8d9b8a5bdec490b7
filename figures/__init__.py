"""One file per didactic figure: its data as a function of parameters, and the drawing on top of it."""
