"""One framework's data sets each: the only place of this package that imports the framework it adapts."""
