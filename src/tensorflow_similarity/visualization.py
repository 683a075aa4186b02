"""Pictures under their upstream names, the misspelt one included, and the projector with upstream's arguments."""

from typing import Any

from keras_similarity import visualization
from keras_similarity.visualization import confusion_matrix
from keras_similarity.visualization import viz_neighbors as viz_neigbors_imgs

__all__ = ["confusion_matrix", "projector", "viz_neigbors_imgs"]

OTHER: Any = None  # of upstream's arguments, those that are gone


def projector(
    embeddings: Any,
    labels: Any = None,
    class_mapping: Any = None,
    images: Any = None,
    image_size: int = 64,
    tooltips_info: Any = None,
    pt_size: float = 3,
    colorize: Any = OTHER,
    pastel_factor: Any = OTHER,
    plot_size: int = 600,
    active_drag: Any = OTHER,
    densmap: Any = OTHER,
    **own: Any,
) -> Any:
    """Draw embeddings as a map; what was said of colours, of dragging and of UMAP has no effect any more."""
    about = (labels, class_mapping, images, image_size, tooltips_info, pt_size, plot_size)
    return visualization.projector(embeddings, *about, **own)
