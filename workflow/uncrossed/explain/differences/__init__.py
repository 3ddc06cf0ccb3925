"""What differs between a PyTorch model and its Keras counterpart, how it shows, and what to write to align them.

The two models are recorded (`pytorch_calls`, `keras_calls`), read in common words (`operations`, by the table of
`kinds`), paired (`pairing`), given the same numbers (`sharing`), and compared: by what they say (`configuration`), by
what they compute (`function`), by what they begin with (`initial`), by their optimizers and losses.
"""
