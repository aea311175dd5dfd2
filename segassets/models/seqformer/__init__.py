"""SeqFormer (Wu et al. 2022): instances of a video as queries, on transformers' pure-torch deformable attention."""
