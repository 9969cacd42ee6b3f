"""The shortest script that embeds one text: import, load, encode once. `bare_script.py FOLDER [DTYPE]`; says so on
standard output once it has the vector, so that its end is not measured. With a dtype the weights are read in float32
and converted, as a host of ours does where the processor computes bfloat16."""

import sys

from sentence_transformers import SentenceTransformer

model = SentenceTransformer(sys.argv[1], device="cpu")
if len(sys.argv) > 2:
    import torch

    model.to(getattr(torch, sys.argv[2]))
vector = model.encode("a short text", normalize_embeddings=True)
print("VECTOR", len(vector), flush=True)
