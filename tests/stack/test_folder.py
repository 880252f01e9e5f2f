"""One stack at a time works in a data folder."""

import subprocess

import pytest

from viva.stack.folder import FolderBusy, only_one


def test_a_folder_in_use_is_refused_and_free_again_afterwards(tmp_path):
    """The second taker is told what to do; once the first has left, the folder can be taken."""
    folder = tmp_path / "data"
    with only_one(folder), pytest.raises(FolderBusy, match="VIVA_DATA_DIR"), only_one(folder, patience_s=0):
        pass
    with only_one(folder, patience_s=0):
        pass


def test_a_child_that_has_the_descriptor_holds_the_folder(tmp_path):
    """The folder is free only once the last process that was given the descriptor has ended."""
    with only_one(tmp_path) as descriptor:
        child = subprocess.Popen(["sleep", "600"], pass_fds=[descriptor])
    try:
        with pytest.raises(FolderBusy), only_one(tmp_path, patience_s=0):
            pass
    finally:
        child.kill()
        child.wait()
    with only_one(tmp_path, patience_s=0):
        pass
