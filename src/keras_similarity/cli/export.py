"""`keras-similarity export`: a model or an index in another program's format."""

from pathlib import Path
from typing import Annotated

import typer

from keras_similarity.cli.options import AsJson
from keras_similarity.cli.output import show_values

__all__ = ["export"]

OF_MODELS = ("onnx", "saved_model", "openvino", "litert")
OF_INDEXES = ("parquet", "faiss", "qdrant", "pgvector")


def export(
    source: Annotated[Path, typer.Argument(help="A model (.keras), or the folder of an index.")],
    target: Annotated[Path, typer.Argument(help="What to write.")],
    to: Annotated[str, typer.Option(help=f"Of a model {', '.join(OF_MODELS)}; of an index {', '.join(OF_INDEXES)}.")],
    as_json: AsJson = False,
) -> None:
    """Write a model with its scaling and normalisation, or an index's vectors, ids and labels.

    Example: keras-similarity export model.keras model.onnx --to onnx
    """
    if to in OF_MODELS:
        show_values({"written": str(target), "difference": _model(source, target, to)}, as_json=as_json)
    elif to in OF_INDEXES:
        show_values({"written": str(target), "rows": _index(source, target, to)}, as_json=as_json)
    else:
        raise typer.BadParameter(f"--to must be one of {', '.join([*OF_MODELS, *OF_INDEXES])}: got {to}")


def _model(source: Path, target: Path, to: str) -> float:
    from keras_similarity.cli.encoders import load_keras
    from keras_similarity.embed.model_files import keras_encoder
    from keras_similarity.export import export_model

    model = load_keras(source)
    encoder = keras_encoder(model, source.stem)
    return export_model(model, target, to, pixel_scale=encoder.pixel_scale, pixel_offset=encoder.pixel_offset)


def _index(source: Path, target: Path, to: str) -> int:
    from keras_similarity.export import write_faiss, write_parquet, write_pgvector, write_qdrant
    from keras_similarity.index import Index

    write = {"faiss": write_faiss, "qdrant": write_qdrant, "pgvector": write_pgvector}
    with Index.open(source, read_only=True) as found:
        if to == "parquet":
            return write_parquet(found.records(), target, found.settings.space.width)
        return write[to](found, target)
