"""From annotation files of others to annotation files others read; no scene or store is needed.

A picture is never copied where a link will do, and what is written appears whole. Errors name file and annotation.
"""
