"""The drill: a rotation is interrupted after each of its effects, one after another, and has to end well every time."""
