"""The losses of all methods, as pure functions of tensors."""
