// How small series blocks are, and how fast: see `run` for what it prints.
#pragma once

namespace weir::bench {

/// weir-bench-store codec [RECORDS_PER_BLOCK] [CSV_OR_FOLDER...]
/// Every column of numbers in the files is a series; a table, one line for each file,
/// then one line of JSON. Without files: series made with a fixed seed.
int run_codec_bench(int argc, char** argv);

} // namespace weir::bench
