"""Holdings of funds, in the files of their issuers.

Each source is an object: `convert` reads a file, a folder or a frame without the
network; `fetch`, where there is an address that lasts, keeps an answer as it came with
the instant of the download. That instant is when the holdings were known: the day in
the file, "as of", is earlier, and is never taken for it.
"""
