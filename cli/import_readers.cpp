#include "cli/import_readers.hpp"

#include "cli/recorded_json.hpp"
#include "cli/window_columns.hpp"
#include "transport/csv_reader.hpp"
#include "transport/influx_lines.hpp"
#include "transport/timestamp.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>

namespace weir::cli {

namespace {

using result = expected<void, std::string>;

void rewind(std::istream& in) {
  in.clear();
  in.seekg(0);
}

std::string at_line(std::uint64_t line, const std::string& what) {
  return "line " + std::to_string(line) + ": " + what;
}

// -- CSV -----------------------------------------------------------------------------

/// Columns of a window by their place; nothing if the header is not one of windows.
std::optional<std::vector<std::string>> window_header(std::istream& in,
                                                      char separator) {
  transport::csv_reader reader{in, separator};
  std::vector<std::string> header;
  auto has = [&](const char* name) {
    return std::find(header.begin(), header.end(), name) != header.end();
  };
  bool is_row = reader.next(header) == transport::csv_reader::result::row;
  rewind(in);
  if (is_row && has("series") && has("start") && has("width_ns"))
    return header;
  return std::nullopt;
}

/// The error of one row.
result add_csv_window(const std::vector<std::string>& header,
                      const std::vector<std::string>& fields, import_windows& to) {
  if (fields.size() != header.size())
    return unexpected("it has " + std::to_string(fields.size())
                      + " fields, the header has " + std::to_string(header.size()));
  window_row row;
  std::string_view series;
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i] == "series") {
      series = fields[i];
      continue;
    }
    if (auto set = row.set_text(header[i], fields[i]); !set)
      return unexpected("column " + header[i] + ": " + set.error());
  }
  auto window = row.window();
  if (!window)
    return unexpected(window.error());
  return to.add_window(series, std::move(*window));
}

result read_csv_windows(std::istream& in, char separator,
                        const std::vector<std::string>& header, import_windows& to,
                        import_notes& notes) {
  using transport::csv_reader;
  csv_reader reader{in, separator};
  std::vector<std::string> fields;
  reader.next(fields); // The header.
  while (!to.stopped()) {
    auto how = reader.next(fields);
    if (how == csv_reader::result::end)
      return {};
    if (how == csv_reader::result::error)
      return unexpected(reader.error());
    if (auto added = add_csv_window(header, fields, to); !added)
      notes.add_bad(at_line(reader.line(), added.error()));
    else
      ++notes.windows;
  }
  return {};
}

class csv_samples {
public:
  csv_samples(const replay_columns& columns, import_windows& to, import_notes& notes)
    : columns_(columns), to_(to), notes_(notes) {
  }

  void add(const replay_row& row) {
    dimensions_.clear();
    for (std::size_t i = 0; i < columns_.dimensions.size(); ++i)
      if (!row.dimensions[i].empty())
        dimensions_.push_back({columns_.dimensions[i], row.dimensions[i]});
    for (const auto& x : row.values) {
      const auto& name
        = columns_.metric.empty() ? columns_.values[x.column] : columns_.metric;
      auto added
        = to_.add_sample({name, row.source, dimensions_}, row.time_ns, x.value);
      if (added)
        ++notes_.samples;
      else
        notes_.add_bad("column " + columns_.values[x.column] + ": " + added.error());
    }
  }

private:
  const replay_columns& columns_;
  import_windows& to_;
  import_notes& notes_;
  std::vector<analytics::dimension> dimensions_;
};

result read_csv(std::istream& in, const csv_options& options, import_windows& to,
                import_notes& notes) {
  auto separator = options.separator.front();
  if (auto header = window_header(in, separator))
    return read_csv_windows(in, separator, *header, to, notes);
  if (options.columns.time.empty() || options.columns.values.empty())
    return unexpected(
      std::string{"say which columns hold time and values, with --time and --value (a "
                  "file of `weir "
                  "export` says it by its columns series, start and width_ns)"});
  if (auto valid = check_csv(options); !valid)
    return valid;
  auto rows = replay_rows::open(in, options.columns, separator);
  if (!rows)
    return unexpected(rows.error());
  csv_samples samples{options.columns, to, notes};
  replay_row row;
  while (!to.stopped()) {
    auto more = rows->next(row);
    if (!more && !rows->bad_row())
      return unexpected(more.error());
    if (!more)
      notes.add_bad(more.error());
    else if (!*more)
      break;
    else
      samples.add(row);
  }
  notes.empty = rows->empty_values();
  return {};
}

// -- NDJSON --------------------------------------------------------------------------

/// Ends the walk of a decoder early.
struct enough {};

class json_samples final : public transport::event_sink {
public:
  json_samples(import_windows& to, import_notes& notes) : to_(to), notes_(notes) {
  }

  void on_event(const transport::raw_event& event) override {
    if (to_.stopped())
      throw enough{};
    if (!event.time_ns)
      return notes_.add_bad("an event of " + std::string{event.series.metric}
                            + " has no timestamp: history needs one");
    if (auto added = to_.add_sample(event.series, *event.time_ns, event.value); !added)
      notes_.add_bad("an event of " + std::string{event.series.metric} + ": "
                     + added.error());
    else
      ++notes_.samples;
  }

  void on_reject(analytics::reject_reason reason, std::string_view detail,
                 std::string_view) override {
    notes_.add_bad(std::string{to_string(reason)} + ": " + std::string{detail});
  }

private:
  import_windows& to_;
  import_notes& notes_;
};

result add_json_window(const std::string& line, import_windows& to) {
  auto object = nlohmann::json::parse(line, nullptr, false);
  if (!object.is_object())
    return unexpected(std::string{"this is no JSON object"});
  window_row row;
  for (const auto& [key, value] : object.items()) {
    if (value.is_number_float())
      row.set(key, value.get<double>());
    else if (value.is_number_unsigned()
             && value.get<std::uint64_t>() > std::uint64_t{INT64_MAX})
      row.set(key, value.get<double>());
    else if (value.is_number())
      row.set(key, value.get<std::int64_t>());
    else if (value.is_string() && key == "start") {
      if (auto set = row.set_text(key, value.get_ref<const std::string&>()); !set)
        return unexpected(key + ": " + set.error());
    }
  }
  auto series = object.find("series");
  if (series == object.end() || !series->is_string())
    return unexpected(std::string{"the name of the series is missing: \"series\""});
  auto window = row.window();
  if (!window)
    return unexpected(window.error());
  return to.add_window(series->get_ref<const std::string&>(), std::move(*window));
}

bool has_json_windows(std::istream& in) {
  std::string line(8'192, '\0');
  in.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<std::size_t>(in.gcount()));
  rewind(in);
  auto start = line.find_first_not_of(" \t\r\n");
  if (start == line.npos)
    return false;
  line = line.substr(start, line.find('\n', start) - start);
  return line.find("\"width_ns\"") != line.npos;
}

result read_json_windows(std::istream& in, import_windows& to, import_notes& notes) {
  constexpr std::size_t line_bytes_max = 1 << 20;
  std::string line;
  for (std::uint64_t number = 1; !to.stopped() && std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == line.npos)
      continue;
    auto added = line.size() > line_bytes_max
                   ? result{unexpected(std::string{"a line has at most 1 MiB"})}
                   : add_json_window(line, to);
    if (added)
      ++notes.windows;
    else
      notes.add_bad(at_line(number, added.error()));
  }
  return {};
}

result read_ndjson(std::istream& in, import_windows& to, import_notes& notes) {
  if (has_json_windows(in))
    return read_json_windows(in, to, notes);
  json_samples samples{to, notes};
  try {
    if (!recorded_json{in, {}, samples}.read_all())
      return unexpected(std::string{"the file cannot be read to its end"});
  } catch (const enough&) {
    return {};
  }
  return {};
}

// -- line protocol -------------------------------------------------------------------

class influx_samples {
public:
  influx_samples(const import_format& format, import_windows& to, import_notes& notes)
    : format_(format), to_(to), notes_(notes) {
  }

  result add(const transport::influx_point& point) {
    if (!point.time)
      return unexpected(std::string{"the point has no time: history needs one"});
    auto time_ns = transport::time_from_integer(*point.time, format_.precision);
    if (!time_ns)
      return unexpected(
        std::string{"the time does not fit into 64 bits of nanoseconds: is "
                    "--precision right?"});
    split(point);
    return is_window(point) ? add_window(point, *time_ns) : add_fields(point, *time_ns);
  }

private:
  /// The source from the tag that was named for it; else the tag `source`.
  void split(const transport::influx_point& point) {
    source_ = {};
    dimensions_.clear();
    auto has_named = std::any_of(point.tags.begin(), point.tags.end(), [&](auto& x) {
      return x.first == format_.source_tag;
    });
    for (const auto& [key, value] : point.tags) {
      if (key == format_.source_tag || (key == "source" && !has_named))
        source_ = value;
      else
        dimensions_.push_back(
          {key == "source" ? std::string_view{"tag_source"} : key, value});
    }
  }

  static bool is_window(const transport::influx_point& point) {
    return std::any_of(point.fields.begin(), point.fields.end(), [](const auto& x) {
      return x.name == "width_ns" && x.kind == transport::influx_kind::integer;
    });
  }

  result add_window(const transport::influx_point& point, std::int64_t time_ns) {
    row_.clear();
    for (const auto& x : point.fields) {
      if (x.kind == transport::influx_kind::integer)
        row_.set(x.name, x.integer);
      else if (x.kind != transport::influx_kind::text)
        row_.set(x.name, x.value);
    }
    row_.set("start", time_ns);
    auto window = row_.window();
    if (!window)
      return unexpected(window.error());
    name_.clear();
    analytics::append_canonical(name_, {point.measurement, source_, dimensions_});
    auto added = to_.add_window(name_, std::move(*window));
    notes_.windows += added ? 1 : 0;
    return added;
  }

  /// The first field that is wrong becomes the error of the line; the others are taken.
  result add_fields(const transport::influx_point& point, std::int64_t time_ns) {
    result worst;
    for (const auto& x : point.fields) {
      if (x.kind == transport::influx_kind::text) {
        ++notes_.texts;
        continue;
      }
      name_ = point.measurement;
      if (x.name != "value")
        name_.append(".").append(x.name);
      auto added = to_.add_sample({name_, source_, dimensions_}, time_ns, x.value);
      if (added)
        ++notes_.samples;
      else if (worst)
        worst = unexpected("field " + x.name + ": " + added.error());
    }
    return worst;
  }

  const import_format& format_;
  import_windows& to_;
  import_notes& notes_;
  std::string_view source_;
  std::vector<analytics::dimension> dimensions_;
  window_row row_;
  std::string name_;
};

result read_influx(std::istream& in, const import_format& format, import_windows& to,
                   import_notes& notes) {
  using transport::influx_reader;
  influx_reader reader{in};
  influx_samples samples{format, to, notes};
  transport::influx_point point;
  while (!to.stopped()) {
    auto how = reader.next(point);
    if (how == influx_reader::result::end)
      break;
    if (how == influx_reader::result::error)
      notes.add_bad(reader.error());
    else if (auto added = samples.add(point); !added)
      notes.add_bad(at_line(reader.line(), added.error()));
  }
  return {};
}

} // namespace

expected<void, std::string> read_import(std::istream& in, const import_format& format,
                                        import_windows& to, import_notes& notes) {
  auto done = format.format == file_format::csv ? read_csv(in, format.csv, to, notes)
              : format.format == file_format::ndjson
                ? read_ndjson(in, to, notes)
                : read_influx(in, format, to, notes);
  if (in.bad())
    return unexpected(std::string{"the file cannot be read to its end"});
  if (done)
    to.finish();
  return done;
}

} // namespace weir::cli
