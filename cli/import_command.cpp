// weir import FILE
#include "cli/api_options.hpp"
#include "cli/commands.hpp"
#include "cli/import_file.hpp"
#include "cli/import_readers.hpp"
#include "cli/import_sender.hpp"
#include "cli/time_text.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <memory>

#include <unistd.h>

namespace weir::cli {

namespace {

constexpr auto manual_text
  = "store history from a file in the centre\n\n"
    "Reads CSV, JSON lines or InfluxDB's line protocol, cuts the samples into windows "
    "and\n"
    "stores them under the edge `import`. What `weir export` wrote is stored as the "
    "windows\n"
    "that it was. The file is read twice: first to check it, then to send it. The same "
    "file\n"
    "with the same options again changes nothing, and goes on where it ended after "
    "Ctrl-C.\n"
    "Lines that cannot be read are shown and passed over. See docs/import.md.";

constexpr auto examples
  = "EXAMPLES\n"
    "  weir import --format influx telegraf.lp --window 10s --data "
    "/var/lib/weir/central\n"
    "  weir import --format csv plant.csv --time t --value temp --source-col machine\n"
    "  weir import --format ndjson events.json --strict --dry-run\n"
    "  weir export '{__name__=~\".+\"}' | weir import --format csv - --url "
    "http://other:8080";

struct import_options {
  std::string file;
  import_format format;
  std::string window = "10s";
  std::string width;
  bool strict = false;
  bool dry_run = false;
};

/// What of the command line changes the windows: it belongs to the file's number.
std::string recipe(const import_options& x, const window_cut& cut) {
  std::string text = "weir-import/1";
  auto add = [&](const std::string& part) { text.append(1, '\0').append(part); };
  const auto& columns = x.format.csv.columns;
  add(std::to_string(static_cast<int>(x.format.format)));
  add(std::to_string(cut.width_ns) + (cut.for_each_sample ? "s" : "w"));
  for (const auto* part :
       {&x.format.source_tag, &columns.time, &columns.metric, &columns.source,
        &columns.source_column, &x.format.csv.separator})
    add(*part);
  add(std::to_string(static_cast<int>(x.format.precision)));
  for (const auto& value : columns.values)
    add("v" + value);
  for (const auto& dimension : columns.dimensions)
    add("d" + dimension);
  return text;
}

expected<window_cut, std::string> cut_of(const import_options& x) {
  window_cut cut;
  cut.for_each_sample = !x.width.empty();
  const auto& text = cut.for_each_sample ? x.width : x.window;
  auto width_ns = parse_span_ns(text);
  const char* option = cut.for_each_sample ? "--width: " : "--window: ";
  if (!width_ns)
    return unexpected(option + width_ns.error());
  constexpr std::int64_t week_ns = 7 * 86'400'000'000'000;
  if (*width_ns < 1'000'000 || *width_ns > week_ns)
    return unexpected(std::string{option} + "is a span from 1ms to 7d");
  cut.width_ns = *width_ns;
  return cut;
}

/// One line that is written over and over; nothing where nobody looks.
class progress_line {
public:
  explicit progress_line(std::uint64_t total)
    : total_(total), is_shown_(isatty(STDERR_FILENO) == 1) {
  }
  ~progress_line() {
    if (was_shown_)
      std::fputs("\r\033[K", stderr);
  }
  void show(std::uint64_t done) {
    using clock = std::chrono::steady_clock;
    if (!is_shown_ || clock::now() < next_)
      return;
    next_ = clock::now() + std::chrono::milliseconds{200};
    was_shown_ = true;
    std::fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " windows (%.0f %%)", done, total_,
                 total_ == 0
                   ? 100.0
                   : 100.0 * static_cast<double>(done) / static_cast<double>(total_));
  }

private:
  std::uint64_t total_;
  bool is_shown_;
  bool was_shown_ = false;
  std::chrono::steady_clock::time_point next_{};
};

void print_notes(const import_options& what, const import_notes& notes) {
  for (const auto& x : notes.first_bad)
    std::fprintf(stderr, "weir: %s: %s\n", what.file.c_str(), x.c_str());
  if (notes.bad > notes.first_bad.size())
    std::fprintf(stderr, "weir: ... and %" PRIu64 " more\n",
                 notes.bad - notes.first_bad.size());
  std::fprintf(stderr,
               "weir: read %" PRIu64 " samples and %" PRIu64 " windows; passed over "
               "%" PRIu64 " bad ones, %" PRIu64 " texts, %" PRIu64 " empty values\n",
               notes.samples, notes.windows, notes.bad, notes.texts, notes.empty);
}

struct checked_file {
  std::uint64_t windows = 0;
  std::size_t series = 0;
};

/// The first walk: nothing is sent.
expected<checked_file, std::string> check(import_file& file, const import_options& what,
                                          const window_cut& cut, stop_signal& stop) {
  import_notes notes;
  import_windows windows{cut, [&](auto, const auto&) { return !stop.requested(); }};
  auto read = read_import(file.stream(), what.format, windows, notes);
  if (!read)
    return unexpected(read.error() + "; nothing was imported");
  if (windows.stopped())
    return unexpected(std::string{"stopped; nothing was imported"});
  print_notes(what, notes);
  if (what.strict && notes.bad > 0)
    return unexpected(
      std::string{"there are bad lines (--strict); nothing was imported"});
  return checked_file{windows.windows(), windows.series()};
}

int send(import_file& file, const import_options& what, const window_cut& cut,
         std::uint64_t epoch, const checked_file& checked, const api_options& options,
         stop_signal& stop) {
  auto api = open_api(options);
  if (!api)
    return fail(api.error().c_str());
  import_sender sender{*api, stop, {epoch}};
  if (auto open = sender.open(); !open)
    return fail(open.error().c_str());
  bool is_sent = true;
  {
    progress_line progress{checked.windows};
    import_windows windows{cut, [&](auto first_seq, const auto& block) {
                             is_sent = sender.send(first_seq, block);
                             progress.show(first_seq + block.summaries.size() - 1);
                             return is_sent;
                           }};
    import_notes notes; // Told by the check.
    file.rewind();
    auto read = read_import(file.stream(), what.format, windows, notes);
    if (!read)
      return fail(read.error().c_str());
  }
  std::printf("stored %" PRIu64 " windows of %zu series; %" PRIu64
              " were there from an earlier run\n",
              sender.sent(), checked.series, sender.known());
  if (is_sent)
    return exit_ok;
  auto why = sender.stopped() ? std::string{"stopped"} : sender.error();
  return fail((why + ". The same command goes on from here").c_str());
}

int import(const api_options& options, const import_options& what) {
  auto cut = cut_of(what);
  if (!cut)
    return fail(cut.error().c_str(), exit_usage);
  if (what.format.csv.separator.size() != 1)
    return fail("--separator is one character", exit_usage);
  auto file = import_file::open(what.file);
  if (!file)
    return fail(file.error().c_str());
  auto epoch = file->number(recipe(what, *cut));
  if (!epoch)
    return fail(epoch.error().c_str());
  stop_signal stop; // Only now: until here nothing is lost by an end at once.
  file->rewind();
  auto checked = check(*file, what, *cut, stop);
  if (!checked)
    return fail((what.file + ": " + checked.error()).c_str());
  if (!what.dry_run)
    return send(*file, what, *cut, *epoch, *checked, options, stop);
  std::printf("%" PRIu64 " windows of %zu series would be stored\n", checked->windows,
              checked->series);
  return exit_ok;
}

} // namespace

void add_import_command(CLI::App& parent, chosen_action& chosen) {
  auto options = std::make_shared<api_options>();
  auto what = std::make_shared<import_options>();
  auto* command = parent.add_subcommand("import", manual_text);
  command->footer(examples);
  command->add_option("FILE", what->file, "File to read; - is standard input.")
    ->required();
  const std::map<std::string, file_format> formats{{"csv", file_format::csv},
                                                   {"ndjson", file_format::ndjson},
                                                   {"influx", file_format::influx}};
  command->add_option("--format", what->format.format, "csv, ndjson or influx.")
    ->required()
    ->transform(CLI::CheckedTransformer(formats).description(""))
    ->type_name("FORMAT");
  auto* window = command->add_option("--window", what->window,
                                     "Width of the windows that samples are cut into.");
  window->type_name("SPAN")->capture_default_str()->group("Windows");
  command
    ->add_option("--width", what->width,
                 "Instead: each sample is a window of this width that begins with it.")
    ->type_name("SPAN")
    ->excludes(window)
    ->group("Windows");
  command->add_flag("--strict", what->strict, "Import nothing if any line is bad.");
  command->add_flag("--dry-run", what->dry_run, "Check the file; send nothing.");
  using transport::time_unit;
  const std::map<std::string, time_unit> units{{"ns", time_unit::nanoseconds},
                                               {"us", time_unit::microseconds},
                                               {"ms", time_unit::milliseconds},
                                               {"s", time_unit::seconds}};
  command
    ->add_option("--precision", what->format.precision,
                 "Unit of its times: ns (default), us, ms or s.")
    ->transform(CLI::CheckedTransformer(units).description(""))
    ->type_name("UNIT")
    ->group("Line protocol");
  command->add_option("--source-tag", what->format.source_tag, "Tag of the source.")
    ->type_name("TAG")
    ->capture_default_str()
    ->group("Line protocol");
  add_csv_options(*command, what->format.csv, false);
  add_api_options(*command, *options, false);
  command->callback([=, &chosen] { chosen = [=] { return import(*options, *what); }; });
}

} // namespace weir::cli
