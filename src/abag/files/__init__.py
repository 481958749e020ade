"""Files: nothing half-written, nothing read that is not what was written, nothing without bounds.

`docs/promises.md` lists what is promised and how it is tested.
"""

from abag.files.locks import LOCK, hold, is_at
from abag.files.pipes import is_pipe, opened
from abag.files.places import (
    make_folder,
    require_file,
    require_folder,
    require_folder_name,
    require_other,
    require_own,
)
from abag.files.reading import (
    digest_of_json,
    parse_json,
    read_bytes,
    read_json,
    sha256_of,
    unpacked,
)
from abag.files.recovery import is_temporary, is_unfinished, locked, recover_within, undisturbed
from abag.files.scratch import scratch_folder
from abag.files.tables import (
    MOST_COLUMNS,
    column_names,
    csv_text,
    file_metadata,
    neutral,
    neutral_table,
    parquet_bytes,
    parquet_height,
    parquet_of,
    parquet_rows,
    read_parquet,
    restored,
    write_csv,
    write_parquet,
    written_by_polars,
)
from abag.files.tensors import digest_of, read_tensors, write_tensors
from abag.files.writing import (
    keep_previous,
    new_result,
    replacing,
    replacing_together,
    swapping,
    write_json,
    write_text,
)

__all__ = [
    "LOCK",
    "MOST_COLUMNS",
    "column_names",
    "csv_text",
    "digest_of",
    "digest_of_json",
    "file_metadata",
    "hold",
    "is_at",
    "is_pipe",
    "is_temporary",
    "is_unfinished",
    "keep_previous",
    "locked",
    "make_folder",
    "neutral",
    "neutral_table",
    "new_result",
    "opened",
    "parquet_bytes",
    "parquet_height",
    "parquet_of",
    "parquet_rows",
    "parse_json",
    "read_bytes",
    "read_json",
    "read_parquet",
    "read_tensors",
    "recover_within",
    "replacing",
    "replacing_together",
    "require_file",
    "require_folder",
    "require_folder_name",
    "require_other",
    "require_own",
    "restored",
    "scratch_folder",
    "sha256_of",
    "swapping",
    "undisturbed",
    "unpacked",
    "write_csv",
    "write_json",
    "write_parquet",
    "write_tensors",
    "write_text",
    "written_by_polars",
]
