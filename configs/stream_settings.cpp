#include "configs/stream_settings.hpp"

#include "configs/calendar_text.hpp"
#include "configs/rule_settings.hpp"
#include "configs/unit_conversion.hpp"
#include "configs/view_settings.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace weir::configs {

namespace {

using analytics::stream_config;

/// Reads one file's stream tables, and keeps what the compiler's errors need: where
/// the table stands that one is about.
class stream_reader {
public:
  stream_reader(table_reader& root, std::filesystem::path base, std::string file,
                config_errors& errors)
    : root_(root), base_(std::move(base)), file_(std::move(file)), errors_(errors) {
  }

  stream_settings read() {
    read_event_time();
    read_default_windows();
    for (auto& table : root_.tables("view"))
      keep(table, [&] {
        auto view = read_view(table);
        result_.config.views.push_back(view);
        return "view \"" + view.name + "\"";
      });
    read_steps();
    read_derives();
    read_tables();
    auto detector = root_.table("detector");
    keep(detector, [&] {
      read_detector(detector, result_.config);
      return std::string{"detector"};
    });
    for (auto& table : root_.tables("rule"))
      keep(table, [&] {
        result_.config.rules.push_back(read_rule(table));
        return "rule \"" + result_.config.rules.back().name + "\"";
      });
    result_.config.make_calendar = [](const std::string& text) {
      return calendar_from_text(text).value_or(nullptr);
    };
    compile();
    return std::move(result_);
  }

private:
  struct entry {
    std::string name; ///< As the compiler's errors begin.
    int line = 0;
    bool is_wrong = false;
  };

  /// Runs `read`, which gives the entry's name.
  template <class Read>
  void keep(const table_reader& table, Read read) {
    auto before = errors_.size();
    auto name = read();
    entries_.push_back({std::move(name), table.line(), errors_.size() > before});
  }

  void read_event_time() {
    auto table = root_.table("event_time");
    keep(table, [&] {
      auto& time = result_.config.event_time;
      time.out_of_orderness_ns
        = read_span(table, "out_of_orderness_ms", time.out_of_orderness_ns);
      time.allowed_lateness_ns
        = read_span(table, "allowed_lateness_ms", time.allowed_lateness_ns);
      time.idle_timeout_ns
        = read_span(table, "idle_timeout_ms", time.idle_timeout_ns, 100);
      time.hold_max_ns = read_span(table, "hold_max_ms", time.hold_max_ns);
      time.retain_max_ns = read_span(table, "retain_max_ms", time.retain_max_ns);
      table.finish();
      return std::string{"event_time"};
    });
  }

  void read_default_windows() {
    auto table = root_.table("window");
    keep(table, [&] {
      auto is_enabled = table.boolean("enabled", true);
      result_.config.window = read_window(table);
      if (!is_enabled)
        result_.config.window.reset();
      return std::string{"window"};
    });
  }

  void read_steps() {
    auto& config = result_.config;
    for (auto& table : root_.tables("convert"))
      keep(table, [&] {
        config.converts.push_back(read_convert(table));
        return "convert \"" + config.converts.back().metric + "\"";
      });
    for (auto& table : root_.tables("filter"))
      keep(table, [&] {
        analytics::filter_config x;
        x.metric = table.text("metric", x.metric);
        x.source = table.text("source", x.source);
        x.where = table.required_text("where");
        table.finish();
        config.filters.push_back(x);
        return "filter \"" + x.metric + "\"";
      });
    for (auto& table : root_.tables("sample"))
      keep(table, [&] {
        config.samples.push_back(read_sample(table));
        return "sample \"" + config.samples.back().metric + "\"";
      });
  }

  static analytics::convert_config read_convert(table_reader& table) {
    analytics::convert_config result;
    result.metric = table.text("metric", result.metric);
    result.source = table.text("source", result.source);
    result.value = table.text("value", "");
    auto from = table.text("from", "");
    auto to = table.text("to", "");
    auto has_units = !from.empty() || !to.empty();
    if (result.value.empty() != has_units)
      table.fail("value", has_units ? "both a value and units" : "nothing",
                 "either `value`, an expression such as \"(value - 32) / 1.8\", or "
                 "`from` and `to`, units such as \"degF\" and \"degC\"");
    else if (from.empty() != to.empty())
      table.fail(from.empty() ? "from" : "to", "nothing",
                 "a unit: `from` and `to` belong together");
    else if (has_units)
      read_units(table, from, to, result);
    table.finish();
    return result;
  }

  static void read_units(table_reader& table, const std::string& from,
                         const std::string& to, analytics::convert_config& result) {
    if (auto code = unit_conversion(from, to))
      result.value = *code;
    else
      table.complain(is_unit(from) ? "to" : "from", code.error());
  }

  static analytics::sample_config read_sample(table_reader& table) {
    analytics::sample_config result;
    result.metric = table.text("metric", result.metric);
    result.source = table.text("source", result.source);
    result.every
      = static_cast<std::uint32_t>(table.integer("every", 1, 1, 1'000'000'000));
    result.interval_ns = read_span(table, "interval_ms", 0);
    result.dead_band = table.number("dead_band", 0.0, 0.0, 1e300);
    result.silence_max_ns = read_span(table, "silence_max_ms", 0);
    table.finish();
    return result;
  }

  void read_derives() {
    for (auto& table : root_.tables("derive"))
      keep(table, [&] {
        analytics::derive_config x;
        x.metric = table.required_text("metric");
        x.source = table.text("source", x.source);
        x.value = table.required_text("value");
        x.stale_max_ns = read_span(table, "stale_max_ms", x.stale_max_ns);
        x.by_dimensions
          = table.one_of("match", "source", {"source", "dimensions"}) == "dimensions";
        x.on = table.text("on", "");
        table.finish();
        result_.config.derives.push_back(x);
        return "derive \"" + x.metric + "\"";
      });
  }

  void read_tables() {
    for (auto& table : root_.tables("table"))
      keep(table, [&] {
        auto name = table.required_text("name");
        read_table(table, name);
        table.finish();
        return "table \"" + name + "\"";
      });
  }

  void read_table(table_reader& table, const std::string& name) {
    auto before = errors_.size();
    auto file = table.required_text("file");
    auto key = table.text("key", "source");
    constexpr std::string_view prefix = "dim.";
    device_table_options options;
    options.key_column
      = table.text("column", key.starts_with(prefix) ? key.substr(prefix.size()) : key);
    auto separator = table.text("separator", ",");
    if (separator.size() != 1)
      table.fail("separator", "\"" + separator + "\"", "one character");
    else
      options.separator = separator.front();
    if (errors_.size() == before)
      load_table(table, device_table_file{base_ / file, options}, {name, key, nullptr});
    has_all_tables_ = has_all_tables_ && errors_.size() == before;
  }

  /// A file that is just being written may need another look.
  void load_table(table_reader& table, device_table_file file,
                  analytics::table_join join) {
    constexpr int looks_max = 10;
    for (int i = 0; i < looks_max && file.table() == nullptr; ++i)
      if (auto loaded = file.poll(); !loaded)
        return table.complain("file", loaded.error());
    if (file.table() == nullptr)
      return table.complain("file", file.file().string()
                                      + " is being written all the time: replace it by "
                                        "renaming another file to its name");
    join.table = file.table();
    result_.config.tables.push_back(std::move(join));
    result_.table_files.push_back(std::move(file));
  }

  /// Tables that were wrong already are not told to be wrong again, nor what follows
  /// from the lack of a device table.
  void compile() {
    auto program = analytics::stream_program::compile(result_.config);
    if (program) {
      result_.program = std::move(*program);
      return;
    }
    if (!has_all_tables_)
      return;
    for (const auto& error : program.error()) {
      const auto* about = find_entry(error);
      if (about != nullptr && about->is_wrong)
        continue;
      auto where = about != nullptr && about->line > 0
                     ? ":" + std::to_string(about->line)
                     : std::string{};
      errors_.push_back(file_ + where + ": " + error);
    }
  }

  /// The only one that `error` begins with.
  const entry* find_entry(const std::string& error) const {
    const entry* result = nullptr;
    for (const auto& x : entries_)
      if (error.starts_with(x.name)
          && error.find_first_of(":,. ", x.name.size()) == x.name.size()) {
        if (result != nullptr)
          return nullptr;
        result = &x;
      }
    return result;
  }

  table_reader& root_;
  const std::filesystem::path base_;
  const std::string file_;
  config_errors& errors_;
  std::vector<entry> entries_;
  bool has_all_tables_ = true;
  stream_settings result_;
};

} // namespace

stream_settings read_stream_settings(table_reader& root,
                                     const std::filesystem::path& base,
                                     const std::string& file, config_errors& errors) {
  return stream_reader{root, base, file, errors}.read();
}

const std::vector<std::string>& stream_table_names() {
  static const std::vector<std::string> names{
    "event_time", "window", "view",  "convert",  "filter",
    "sample",     "derive", "table", "detector", "rule"};
  return names;
}

const std::vector<std::string>& other_table_names() {
  static const std::vector<std::string> names{
    "node",       "log",     "clock",      "ingest", "source", "alerts",
    "duplicates", "journal", "checkpoint", "outbox", "uplink"};
  return names;
}

expected<recorded_stream_settings, config_errors>
load_stream_settings(const std::filesystem::path& file) {
  auto tree = parse_toml(file);
  if (!tree)
    return unexpected(config_errors{tree.error()});
  config_errors errors;
  table_reader root{*tree, file.string(), "", errors};
  recorded_stream_settings result;
  result.ingest = read_ingest(root);
  result.stream = read_stream_settings(root, file.parent_path(), file.string(), errors);
  for (const auto& name : other_table_names())
    root.pass_over(name);
  root.finish();
  if (!errors.empty())
    return unexpected(std::move(errors));
  return result;
}

} // namespace weir::configs
