"""A Starlette app on uvicorn that loads the model when its module is imported: the usual first version of a model
server. It answers nothing before the model is there. `MODEL_FOLDER` names the model."""

from __future__ import annotations

import os

from sentence_transformers import SentenceTransformer
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

model = SentenceTransformer(os.environ["MODEL_FOLDER"], device="cpu")


async def health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "healthy", "model_loaded": True})


async def embeddings(request: Request) -> JSONResponse:
    texts = (await request.json())["input"]
    texts = [texts] if isinstance(texts, str) else texts
    vectors = await run_in_threadpool(model.encode, texts, normalize_embeddings=True)
    return JSONResponse({"data": [{"index": i, "embedding": v.tolist()} for i, v in enumerate(vectors)]})


app = Starlette(routes=[Route("/health", health), Route("/v1/embeddings", embeddings, methods=["POST"])])
