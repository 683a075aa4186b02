"""One writer at a time: a collection that only one process can make, whose description tells who did.

Making a collection that is there with another description fails, in one step of the server's: that is the lock. A
writer holds it for one write. A lock whose process is dead, on this machine, is broken at once; any other after the
lease that it states, in which its holder must have written something, or given up.
"""

import json
import os
import socket
import time
import uuid
from pathlib import Path
from typing import Any

from keras_similarity.errors import DatabaseError, IndexLockedError
from keras_similarity.index.remote.milvus.failures import is_missing
from keras_similarity.index.remote.milvus.session import Session

__all__ = ["TableLock"]

WAIT_SECONDS = 10.0  # for another writer
PAUSE_SECONDS = 0.02
LEASE_SECONDS = 30.0  # and three times what a call may take
BEAT = "collection.ttl.seconds"  # of an empty collection: a number that its holder may change


class TableLock:
    """The right to write to an index, held from `take` to `release`.

    Args:
        session: The index's.
        lease: Seconds after which others may break it.
    """

    def __init__(self, session: Session, lease: float) -> None:
        self._session = session
        self._name = f"{session.table}_writer"
        self._lease = lease
        self._token = ""
        self._beats = 0
        self._seen: tuple[Any, float] = (None, 0.0)  # another's lock as it was found, and when it was first

    def take(self) -> bool:
        """Take the lock; return whether a writer before did not finish, this one among them.

        Raises:
            IndexLockedError: another process is writing.
        """
        until = time.monotonic() + WAIT_SECONDS
        broken = False
        while True:
            token = uuid.uuid4().hex
            if self._created(token):
                self._token, self._beats = token, 0
                return broken
            owner = self._owner()
            if owner and owner["token"] == self._token:
                return True
            if owner and self._is_dead(owner):
                self._drop()
                broken = True
            elif time.monotonic() > until:
                raise _locked(self._session.shown, owner or {})
            time.sleep(PAUSE_SECONDS)

    def beat(self) -> None:
        """Tell others that the holder lives.

        Raises:
            IndexLockedError: the lock was broken.
        """
        self.check()
        self._beats += 1
        self._session.call("alter_collection_properties", self._name, properties={BEAT: str(1000 + self._beats)})

    def check(self) -> None:
        """Raise an IndexLockedError where the lock was broken: another writer has undone what was begun."""
        owner = self._owner()
        if not owner or owner["token"] != self._token:
            self._token = ""
            raise IndexLockedError(
                f"a write to {self._session.shown} took so long that another process went on without it.\n"
                "  Nothing was changed; write less at a time."
            )

    def release(self) -> None:
        """Give the lock back, if it was not broken."""
        owner = self._owner()
        if owner and owner["token"] == self._token:
            self._drop()
        self._token = ""

    def _created(self, token: str) -> bool:
        milvus = self._session.pymilvus
        about = {"token": token, "lease": self._lease} | _about_this_process()
        schema = milvus.MilvusClient.create_schema(auto_id=False, description=json.dumps(about))
        schema.add_field("seq", milvus.DataType.INT64, is_primary=True)
        schema.add_field("embedding", milvus.DataType.FLOAT_VECTOR, dim=2)
        try:
            self._session.call("create_collection", self._name, schema=schema, shards_num=1)
        except DatabaseError as error:
            if "duplicate collection" in str(error) or "already exist" in str(error):
                return False
            raise
        return True

    def _owner(self) -> dict[str, Any] | None:
        """Return what the holder wrote about itself, None where nobody holds the lock any more."""
        try:
            found = self._session.call("describe_collection", self._name)
        except DatabaseError as error:
            if is_missing(error):
                return None
            raise
        return json.loads(found["description"]) | {"beat": str(found.get("properties"))}

    def _is_dead(self, owner: dict[str, Any]) -> bool:
        key = owner["token"], owner["beat"]
        if self._seen[0] != key:
            self._seen = key, time.monotonic()
        if time.monotonic() - self._seen[1] > owner["lease"]:
            return True
        machine = _machine()
        return machine != "" and machine == owner["machine"] and _started(owner["pid"]) != owner["started"]

    def _drop(self) -> None:
        self._session.call("drop_collection", self._name)


def _about_this_process() -> dict[str, Any]:
    pid = os.getpid()
    return {"pid": pid, "host": socket.gethostname(), "machine": _machine(), "started": _started(pid)}


def _machine() -> str:
    """Return what tells the processes that this one can see from others; "" where that is not known."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when a process began, in the kernel's own count; "" where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _locked(shown: str, owner: dict[str, Any]) -> IndexLockedError:
    pid, host = owner.get("pid"), owner.get("host")
    who = f"process {pid} on {host}" if owner else "another process"
    return IndexLockedError(
        f"{who} is writing to {shown}.\n  Try again; a lock whose process is gone is broken after "
        f"{owner.get('lease', LEASE_SECONDS):.0f} seconds.",
        pid=pid,
        host=host,
    )
