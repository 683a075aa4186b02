"""The pages that show programs print what they say, from top to bottom."""

import pytest

from guides import run_guide
from keras_similarity.serve.limits import Limits
from keras_similarity.serve.metrics import Metrics
from keras_similarity.serve.served_index import ServedIndex

SEARCH_SIDE = ["concepts.md", "guides/backup.md", "guides/million.md"]


@pytest.mark.parametrize("page", SEARCH_SIDE)
def test_page_of_the_search_side__prints_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_guide(page, least=3)


@pytest.mark.training
def test_imbalance_page__prints_what_it_says():
    run_guide("guides/imbalance.md")


@pytest.mark.slow
@pytest.mark.training
def test_page_of_training_without_labels__prints_what_it_says():
    assert run_guide("self_supervised.md", least=3)["found"]["recall@1"] >= 0.9


@pytest.mark.training
def test_deploy_page__prints_what_it_says__and_its_model_is_served(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_guide("guides/deploy.md", least=2)["model"].gallery.close()
    served = ServedIndex(tmp_path / "kinds.index", Limits(), Metrics())
    assert len(served.index) == 200
    assert served.existing_calibration().known == 100
    served.close()


@pytest.mark.slow
@pytest.mark.training
def test_tutorial__prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_guide("tutorial.md")
