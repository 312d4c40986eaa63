"""Leaf attempts on a cluster of Dask distributed, each under a keeper on its worker's machine.

``opening`` is the door. Nothing of this room is loaded before a ``dask://`` URL is asked for: it needs the
extra ``dask``.
"""
