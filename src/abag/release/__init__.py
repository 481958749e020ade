"""Releases: from a finished run or a saved model to a folder that others can use and check.

subjects   what is released: a run, a saved model, a model of one assay, the shipped one
facts      ``release.json``, the one source of every number of a release
issues     what the monitors, the audit and the figures warn of, and what follows from it
texts      the card and the other texts, filled from the facts; their numbers are checked
bundle     the folder itself, and what is refused
verify     sums, facts, texts and predictions of a folder, made again
publish    to a hub or a git remote, by steps that go on where they were stopped
pull       from a hub, a git remote or a folder onto the shelf
"""
