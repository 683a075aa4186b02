"""What `keras.ops` has no word for, in each framework's own."""
