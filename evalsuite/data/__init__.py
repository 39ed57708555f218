"""Where items come from: files in upstream's formats, pinned by digests."""

from evalsuite.data.audit import Audit, audit
from evalsuite.data.load import data_folder, load, load_split, load_train, pull_folder
from evalsuite.data.pull import Pulled, pull
from evalsuite.data.read import rows
from evalsuite.data.verify import Finding, Verified, lock, verify

__all__ = ["Audit", "Finding", "Pulled", "Verified"]
__all__ += ["audit", "data_folder", "load", "load_split", "load_train", "lock", "pull", "pull_folder"]
__all__ += ["rows", "verify"]
