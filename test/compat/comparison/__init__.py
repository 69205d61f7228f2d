"""Runs the same calls on the installed ``ultracart`` package and prints what happened as JSON.

``python -m comparison grid|surface|resources`` is run once by an interpreter that has the official
``ultracart-rest-sdk`` and once by one that has this package. Standard library only, since the
official environment has nothing else.
"""
