"""Metric losses: labels and embeddings of a batch → a number to minimise. One loss a file."""

from keras_similarity.losses import miners, reducers, regularizers
from keras_similarity.losses.angular import AngularLoss, angular
from keras_similarity.losses.barlow_twins import BarlowTwinsLoss, barlow_twins
from keras_similarity.losses.circle import CircleLoss, circle
from keras_similarity.losses.contrastive import ContrastiveLoss, contrastive
from keras_similarity.losses.cross_batch_memory import CrossBatchMemory
from keras_similarity.losses.fast_ap import FastAPLoss, fast_ap
from keras_similarity.losses.info_nce import InfoNCELoss, MultiNegativesRankLoss, info_nce, multi_negatives_rank
from keras_similarity.losses.instance_discrimination import InstanceDiscriminationLoss, instance_discrimination
from keras_similarity.losses.lifted_struct import LiftedStructLoss, lifted_struct
from keras_similarity.losses.margin import MarginLoss, margin
from keras_similarity.losses.matryoshka import MatryoshkaLoss
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.losses.multi_similarity import MultiSimilarityLoss, multi_similarity
from keras_similarity.losses.n_pairs import NPairsLoss, n_pairs
from keras_similarity.losses.nca import NCALoss, nca
from keras_similarity.losses.nt_xent import NTXentLoss, nt_xent
from keras_similarity.losses.pn import PNLoss, pn
from keras_similarity.losses.ranked_list import RankedListLoss, ranked_list
from keras_similarity.losses.recall_at_k import RecallAtKLoss, recall_at_k
from keras_similarity.losses.siglip import SigLIPLoss, siglip
from keras_similarity.losses.simsiam import SimSiamLoss, simsiam
from keras_similarity.losses.smooth_ap import SmoothAPLoss, smooth_ap
from keras_similarity.losses.soft_nearest_neighbor import SoftNearestNeighborLoss, soft_nearest_neighbor
from keras_similarity.losses.supcon import SupConLoss, supcon
from keras_similarity.losses.triplet import TripletLoss, triplet
from keras_similarity.losses.tuplet_margin import TupletMarginLoss, tuplet_margin
from keras_similarity.losses.vicreg import VICRegLoss, vicreg
from keras_similarity.losses.view_loss import ViewLoss
from keras_similarity.losses.weighted_sum import WeightedSum

__all__ = [
    "AngularLoss",
    "BarlowTwinsLoss",
    "CircleLoss",
    "ContrastiveLoss",
    "CrossBatchMemory",
    "FastAPLoss",
    "InfoNCELoss",
    "InstanceDiscriminationLoss",
    "LiftedStructLoss",
    "MarginLoss",
    "MatryoshkaLoss",
    "MetricLoss",
    "MultiNegativesRankLoss",
    "MultiSimilarityLoss",
    "NCALoss",
    "NPairsLoss",
    "NTXentLoss",
    "PNLoss",
    "RankedListLoss",
    "RecallAtKLoss",
    "SigLIPLoss",
    "SimSiamLoss",
    "SmoothAPLoss",
    "SoftNearestNeighborLoss",
    "SupConLoss",
    "TripletLoss",
    "TupletMarginLoss",
    "VICRegLoss",
    "ViewLoss",
    "WeightedSum",
    "angular",
    "barlow_twins",
    "circle",
    "contrastive",
    "fast_ap",
    "info_nce",
    "instance_discrimination",
    "lifted_struct",
    "margin",
    "miners",
    "multi_negatives_rank",
    "multi_similarity",
    "n_pairs",
    "nca",
    "nt_xent",
    "pn",
    "ranked_list",
    "recall_at_k",
    "reducers",
    "regularizers",
    "siglip",
    "simsiam",
    "smooth_ap",
    "soft_nearest_neighbor",
    "supcon",
    "triplet",
    "tuplet_margin",
    "vicreg",
]
