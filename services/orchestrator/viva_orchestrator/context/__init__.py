"""What the model is given of a lecture: the recording, the whole transcript, or the passages that matter.

`planner` counts and chooses, `context` is its choice for one turn, `warming` has the model read a lecture in advance.
docs/decisions/0007-context.md says why it is so.
"""
