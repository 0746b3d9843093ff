"""The engine: the steps of a rotation and of its way back, and the loop that moves many secrets along."""
