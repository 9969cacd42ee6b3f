"""The zygote as it is, with `deadly_runtime` for its only runtime."""

from __future__ import annotations

from greenroom.host import runtime, zygote
from greenroom.words import RuntimeName

MODULES = {RuntimeName.SENTENCE_TRANSFORMERS: "tests.integration.serving.deadly_runtime"}

if __name__ == "__main__":
    runtime._MODULES = MODULES
    zygote.main()
