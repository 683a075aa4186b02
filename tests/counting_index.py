"""An index that counts how often it is searched."""

from keras_similarity import Index


class CountingIndex(Index):
    searches = 0

    def search(self, *arguments, **options):
        self.searches += 1
        return super().search(*arguments, **options)
