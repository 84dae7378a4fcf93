"""What is known of each scope, in a module for each or for a close group, of the same names as the collector's.

`scope.py` says what there is to say of a scope, `registry.py` lists them.
"""
