"""Why the operating system refused something, in the user's language."""

from __future__ import annotations

import errno
import os

from orchestrator.core.text import Text

_IN_CHINESE = {
    errno.ENOSPC: "磁盘空间不足",
    errno.EDQUOT: "磁盘配额已用完",
    errno.EACCES: "权限不足",
    errno.EPERM: "不允许此操作",
    errno.EROFS: "文件系统是只读的",
    errno.EEXIST: "同名文件已存在",
    errno.ENOTDIR: "路径中有一部分不是目录",
    errno.EISDIR: "该处是一个目录",
    errno.ENOENT: "文件或目录不存在",
    errno.ENAMETOOLONG: "文件名太长",
    errno.ENOEXEC: "不是可执行的程序",
    errno.EIO: "读写设备出错",
}


def reason_of(error: OSError) -> Text:
    """Return the system's own words in English, and for the common refusals in Chinese too; never the exception's name."""
    words = error.strerror or (os.strerror(error.errno) if error.errno else str(error))
    words = words or "the operating system gave no reason"
    return Text(words, _IN_CHINESE.get(error.errno or 0, words))
