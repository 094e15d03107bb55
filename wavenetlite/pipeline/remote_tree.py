"""The tree below a URL, so that a corpus in a store is found by the rules of one on disk."""

from __future__ import annotations

from wavenetlite.corpora.trees import (
    FILE,
    FOLDER,
    MOST_TEXT,
    DiskTree,
    Node,
    Tree,
    UnreadableFolderError,
    passed_over,
    too_long,
)
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import Place, RemotePath, Status
from wavenetlite.support.urls import shown


class RemoteTree:
    """The tree of a folder in a store; see `wavenetlite.corpora.trees.Tree`. Every folder is listed once."""

    def __init__(self, root: RemotePath) -> None:
        self.root = root
        self.files: dict[str, Status] = {}
        self.folders: dict[str, list[Node]] = {}

    def nodes(self, folder: str) -> list[Node]:
        if folder not in self.folders:
            nodes = []
            try:
                for name, is_folder, status in self.at(folder).listing():
                    nodes.append(Node(name, FOLDER if is_folder else FILE))
                    if not is_folder:
                        self.files[f"{folder}/{name}" if folder else name] = status
            except OSError as error:
                raise UnreadableFolderError(self.place(folder), error.strerror or str(error)) from None
            self.folders[folder] = [node for node in nodes if not passed_over(node)]
        return self.folders[folder]

    def real(self, folder: str) -> str:
        return f"/{folder}"

    def text(self, path: str, most: int = MOST_TEXT) -> str | None:
        self.nodes(path.rpartition("/")[0])
        if path not in self.files:
            return None
        size, file = self.files[path].st_size, self.at(path)
        if size > most:
            raise too_long(str(file), size, most)
        try:
            return file.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ParameterError(f"{file}: cannot be read: {shown(' '.join(str(error).split()))}") from None

    def place(self, path: str) -> str:
        return self.at(path).url

    def at(self, path: str) -> RemotePath:
        return self.root / path if path else self.root


def tree_of(folder: Place) -> Tree:
    return RemoteTree(folder) if isinstance(folder, RemotePath) else DiskTree(folder)
