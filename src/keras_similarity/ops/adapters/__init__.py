"""What a backend does in its own way: the only place of this package that imports the framework it adapts."""
