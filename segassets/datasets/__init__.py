"""Any layout on disk to a Scene: frames, annotations, categories."""
