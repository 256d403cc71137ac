"""Ask a running service through tritonclient, as its users do; print what came back as JSON.

    python drive_v2.py HOST:PORT MODEL < texts.json

Runs in .venv-kserve, without this project's packages; tests/serving/test_kserve_public.py judges what it prints.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException


def infer(
    client: triton.InferenceServerClient, model: str, texts: list[str], *, binary: bool, name: str = "text"
) -> Any:
    given = triton.InferInput(name, [len(texts)], "BYTES")
    given.set_data_from_numpy(np.array([text.encode() for text in texts], dtype=object), binary_data=binary)
    wanted = [triton.InferRequestedOutput(output, binary_data=binary) for output in ("label", "score", "scores")]
    return client.infer(model, [given], outputs=wanted, request_id="seven")


def as_plain(answer: Any) -> dict[str, Any]:
    labels = [label.decode() if isinstance(label, bytes) else label for label in answer.as_numpy("label").tolist()]
    tensors = {name: answer.as_numpy(name) for name in ("score", "scores")}
    return {
        "id": answer.get_response()["id"],
        "label": labels,
        "types": {name: str(tensor.dtype) for name, tensor in tensors.items()},
    } | {name: tensor.tolist() for name, tensor in tensors.items()}


def refusal(ask: Any) -> dict[str, str | None]:
    try:
        ask()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    raise SystemExit("an error was expected, and there was none")


def main(address: str, model: str) -> None:
    texts: list[str] = json.load(sys.stdin)
    with triton.InferenceServerClient(address) as client:
        report = {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "model_ready": client.is_model_ready(model),
            "other_model_ready": client.is_model_ready("other"),
            "server": client.get_server_metadata(),
            "model": client.get_model_metadata(model),
            "versioned": client.get_model_metadata(model, "1"),
            "config": client.get_model_config(model),
            "statistics": client.get_inference_statistics(),
            "answers": {
                f"{form} {count}": as_plain(infer(client, model, texts[:count], binary=form == "binary"))
                for form in ("json", "binary")
                for count in (1, len(texts))
            },
            "refusals": {
                "unknown model": refusal(lambda: infer(client, "other", texts, binary=True)),
                "unknown input": refusal(lambda: infer(client, model, texts, binary=True, name="words")),
                "blank text": refusal(lambda: infer(client, model, [texts[0], " "], binary=False)),
            },
            # A refused request must not cost the connection its next one.
            "after": as_plain(infer(client, model, texts[:1], binary=True)),
        }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
