"""Why the system does not give a file, in the user's words."""

from __future__ import annotations

import errno

from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

# errno -> why in Chinese, and what to do. The system gives the English reason.
_READING: dict[int, tuple[str, Text]] = {
    errno.ENOENT: ("文件不存在", Text("check the spelling of its name and folder", "请检查文件名和文件夹是否写对")),
    errno.ENOTDIR: ("路径中间有一段不是文件夹", Text("check the spelling of its folder", "请检查文件夹是否写对")),
    errno.EISDIR: ("它是文件夹", Text("name a file inside it", "请给出其中的某个文件")),
    errno.EACCES: ("没有读取权限", Text("give yourself the right to read it", "请给自己读取权限")),
    errno.EPERM: ("没有读取权限", Text("give yourself the right to read it", "请给自己读取权限")),
    errno.ENAMETOOLONG: ("名字太长", Text("give it a shorter name", "请换一个短一些的名字")),
    errno.ELOOP: ("链接指向了自己", Text("correct the link", "请改正链接")),
    errno.EIO: ("磁盘读写出错", Text("check the disk, or read a copy", "请检查磁盘，或改用副本")),
}
_READING_ELSE = ("系统无法打开它", Text("check that it can be opened with an editor", "请检查能否用编辑器打开它"))


def unreadable_file(file: str, error: OSError | ValueError) -> Problem:
    """A file that the system does not give. ValueError: a name that no file can have."""
    what = Text(f"cannot read `{file}`", f"无法读取 `{file}`")
    if not isinstance(error, OSError):
        why = Text("no file can have this name", "这不是合法的文件名")
        return Problem("unreadable-file", what, why, Text("check the name", "请检查文件名"))
    return Problem("unreadable-file", what, *why_unreadable(error))


def why_unreadable(error: OSError) -> tuple[Text, Text]:
    """Return the system's reason and what to do about it."""
    reason_zh, fix = _READING.get(error.errno or 0, _READING_ELSE)
    return Text((error.strerror or str(error)).lower(), reason_zh), fix
