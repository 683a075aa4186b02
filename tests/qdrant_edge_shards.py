"""The storage engine of Qdrant's server, which the package qdrant-edge-py brings, with the methods of its client.

It is the server's code for points, filters, conditional updates, payload indexes and searches, in Rust. What a server
adds is not in it: collections, replicas, its log of requests, its optimiser's own time.
"""

import uuid

import qdrant_edge as edge
from qdrant_client import QdrantClient
from qdrant_client.http import models

KINDS = edge.PayloadSchemaType
SCHEMAS = {"float": KINDS.Float, "integer": KINDS.Integer, "keyword": KINDS.Keyword}


class EdgeClient:
    """A shard for each collection.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder):
        self._folder, self._shards = folder, {}
        self._known = QdrantClient(":memory:")  # what a collection is, without its points

    def collection_exists(self, name):
        return self._known.collection_exists(name)

    def get_collection(self, name):
        self._shards[name].optimize()
        return self._known.get_collection(name)

    def create_collection(self, name, vectors_config):
        self._known.create_collection(name, vectors_config=vectors_config)
        place = self._folder / uuid.uuid4().hex
        place.mkdir()
        params = {
            key: edge.EdgeVectorParams(size=value.size, distance=getattr(edge.Distance, value.distance.value))
            for key, value in vectors_config.items()
        }
        graph = edge.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=10)
        optimizers = edge.EdgeOptimizersConfig(indexing_threshold=1, default_segment_number=1)
        config = edge.EdgeConfig(vectors=params, hnsw_config=graph, optimizers=optimizers)
        self._shards[name] = edge.EdgeShard.create(place, config)
        return True

    def create_payload_index(self, name, field, schema):
        return self._update(name, edge.UpdateOperation.create_field_index(field, SCHEMAS[schema.value]))

    def upsert(self, name, points, update_filter=None):
        made = [edge.Point(point.id, point.vector, point.payload) for point in points]
        return self._update(name, edge.UpdateOperation.upsert_points(made, _filter(update_filter)))

    def delete(self, name, selector):
        if isinstance(selector, models.FilterSelector):
            return self._update(name, edge.UpdateOperation.delete_points_by_filter(_filter(selector.filter)))
        return self._update(name, edge.UpdateOperation.delete_points(selector.points))

    def retrieve(self, name, ids, with_payload, with_vectors):
        return [_record(found) for found in self._shards[name].retrieve(ids, with_payload, with_vectors)]

    def count(self, name, count_filter):
        return models.CountResult(count=self._shards[name].count(edge.CountRequest(True, _filter(count_filter))))

    def facet(self, name, key, limit):
        found = self._shards[name].facet(edge.FacetRequest(key, limit, exact=True))
        return models.FacetResponse(hits=[{"value": hit.value, "count": hit.count} for hit in found.hits])

    def scroll(self, name, scroll_filter, limit, order_by, offset, with_payload, with_vectors):
        order = None if order_by is None else edge.OrderBy(order_by.key, start_from=order_by.start_from)
        request = edge.ScrollRequest(offset, limit, _filter(scroll_filter), with_payload, with_vectors, order)
        points, after = self._shards[name].scroll(request)
        return [_record(point) for point in points], after if after is None or isinstance(after, int) else str(after)

    def query_points(self, name, query, using, *, query_filter, search_params, limit, with_payload, with_vectors):
        if isinstance(query, models.SampleQuery):
            asked = edge.Sample.Random
        else:
            asked = edge.Query.Nearest(query.nearest if isinstance(query, models.NearestQuery) else query, using)
        params = search_params or models.SearchParams()
        request = edge.QueryRequest(
            limit,
            query=asked,
            filter=_filter(query_filter),
            params=edge.SearchParams(params.hnsw_ef, exact=bool(params.exact)),
            with_payload=with_payload,
            with_vector=with_vectors,
        )
        found = self._shards[name].query(request)
        points = [models.ScoredPoint(**_record(hit).model_dump(), score=hit.score, version=0) for hit in found]
        return models.QueryResponse(points=points)

    def close(self):
        for shard in self._shards.values():
            shard.close()
        self._known.close()

    def _update(self, name, operation):
        self._shards[name].update(operation)
        return models.UpdateResult(operation_id=0, status="completed")


def _record(found):
    key = found.id if isinstance(found.id, int) else str(found.id)
    return models.Record(id=key, payload=found.payload, vector=found.vector)


def _filter(asked):
    if asked is None:
        return None
    parts = {}
    for name in ("must", "should", "must_not"):
        value = getattr(asked, name)
        conditions = value if isinstance(value, list) or value is None else [value]
        parts[name] = None if conditions is None else [_condition(condition) for condition in conditions]
    return edge.Filter(**parts)


def _condition(asked):
    if isinstance(asked, models.Filter):
        return _filter(asked)
    if isinstance(asked, models.IsEmptyCondition):
        return edge.IsEmptyCondition(asked.is_empty.key)
    if isinstance(asked, models.HasIdCondition):
        return edge.HasIdCondition(set(asked.has_id))
    if asked.range is not None:
        bounds = {name: getattr(asked.range, name) for name in ("gt", "gte", "lt", "lte")}
        return edge.FieldCondition(asked.key, range=edge.RangeFloat(**bounds))
    if isinstance(asked.match, models.MatchAny):
        return edge.FieldCondition(asked.key, match=edge.MatchAny(asked.match.any))
    return edge.FieldCondition(asked.key, match=edge.MatchValue(asked.match.value))
