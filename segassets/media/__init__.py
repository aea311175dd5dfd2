"""Pictures and video in and out: reading, probing, drawing, previews."""
