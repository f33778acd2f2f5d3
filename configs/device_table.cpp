#include "configs/device_table.hpp"

#include "configs/config_tree.hpp"
#include "transport/csv_reader.hpp"
#include "transport/utf8.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace weir::configs {

namespace {

using analytics::lookup_table;
using analytics::lookup_table_builder;
using items_ptr = std::shared_ptr<config_items>;
using members_ptr = std::shared_ptr<config_members>;

expected<std::string, std::string> read_bounded(const std::filesystem::path& file,
                                                std::size_t bytes_max) {
  // Asked first: to open a pipe would wait for its writer.
  std::error_code failure;
  if (!std::filesystem::is_regular_file(file, failure))
    return unexpected(file.string()
                      + ": is no file: is the path right, and may this "
                        "user read it?");
  std::ifstream in{file, std::ios::binary};
  std::string text;
  char block[1 << 16];
  while (in && text.size() <= bytes_max) {
    in.read(block, sizeof block);
    text.append(block, static_cast<std::size_t>(in.gcount()));
  }
  if (!in.eof() && text.size() <= bytes_max)
    return unexpected(file.string() + ": cannot be read: may this user read it?");
  if (text.size() > bytes_max)
    return unexpected(file.string() + ": found more than " + std::to_string(bytes_max)
                      + " bytes, accepted: at most that");
  return text;
}

expected<device_table, std::string> finish(lookup_table_builder& builder,
                                           const std::string& name) {
  auto table = builder.finish();
  if (!table)
    return unexpected(name + ": " + table.error());
  return std::make_shared<const lookup_table>(std::move(*table));
}

/// Empty if all is well. (TOML is UTF-8 by its own rules.)
std::string not_utf8(const std::vector<std::string>& names,
                     const std::vector<std::string>& cells, std::size_t line) {
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (!transport::is_utf8(cells[i]))
      return "line " + std::to_string(line) + ", column "
             + (i < names.size() ? "\"" + names[i] + "\"" : std::to_string(i + 1))
             + ": found bytes that are no UTF-8, accepted: UTF-8 without exception";
  return {};
}

/// A table of TOML with the name that stands before it, if that is the key.
struct toml_device {
  const config_members* members = nullptr;
  int line = 0;
  std::optional<std::string> key{};
};

const config_members* members_of(const config_value& value) {
  const auto* members = std::get_if<members_ptr>(&value.data);
  return members == nullptr ? nullptr : members->get();
}

bool holds_tables_only(const config_members& members) {
  return !members.empty()
         && std::all_of(members.begin(), members.end(), [](const auto& member) {
              return members_of(member.second) != nullptr;
            });
}

std::string shape_error(int line) {
  return "line " + std::to_string(line)
         + ": found something else or nothing, accepted: tables only, either an array "
           "of them, "
           "[[device]], or one for each device, [pump-1] or [devices.pump-1]";
}

/// The devices of an array, or of a table of tables.
expected<std::vector<toml_device>, std::string> devices_of(const config_members& root) {
  std::vector<toml_device> result;
  // More probably an accident than a plant without devices; that is `device = []`.
  if (root.empty())
    return unexpected(shape_error(1));
  const auto* first = root.size() == 1 ? &root.begin()->second : nullptr;
  if (const auto* items = first ? std::get_if<items_ptr>(&first->data) : nullptr) {
    for (const auto& item : **items) {
      if (members_of(item) == nullptr)
        return unexpected(shape_error(item.line));
      result.push_back({members_of(item), item.line});
    }
    return result;
  }
  const auto* devices = first ? members_of(*first) : nullptr;
  if (devices == nullptr || !holds_tables_only(*devices))
    devices = &root;
  for (const auto& [key, value] : *devices) {
    if (members_of(value) == nullptr)
      return unexpected(shape_error(value.line));
    result.push_back({members_of(value), value.line, key});
  }
  return result;
}

std::string to_text(double value) {
  char text[32];
  auto [end, ignored] = std::to_chars(text, text + sizeof text, value);
  return {text, end};
}

/// Nothing for what is no cell.
std::optional<std::string> cell_text(const config_value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data))
    return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&value.data))
    return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value.data))
    return std::isfinite(*number) ? std::optional{to_text(*number)} : std::nullopt;
  if (const auto* boolean = std::get_if<bool>(&value.data))
    return *boolean ? "true" : "false";
  return std::nullopt;
}

/// One row: the cells in the order of `names`.
expected<void, std::string>
add_device(lookup_table_builder& builder, const toml_device& device,
           const std::vector<std::string>& names, const std::string& key_column) {
  std::vector<std::string> cells;
  for (const auto& name : names) {
    auto member = device.members->find(name);
    auto is_there = member != device.members->end();
    std::optional<std::string> cell{std::string{}};
    if (device.key && name == key_column)
      cell = is_there ? std::nullopt : device.key;
    else if (is_there)
      cell = cell_text(member->second);
    if (!cell)
      return unexpected(
        "line " + std::to_string(member->second.line) + ", column \"" + name + "\": "
        + (device.key && name == key_column
             ? "found a key beside the table's name, which is the key; accepted: one "
               "of the two"
             : "found a value of another kind, accepted: a text, a finite number, "
               "true or false"));
    cells.push_back(std::move(*cell));
  }
  return builder.add_row(static_cast<std::size_t>(std::max(device.line, 1)), cells);
}

std::vector<std::string> names_of(const std::vector<toml_device>& devices,
                                  const std::string& key_column) {
  std::set<std::string> names;
  for (const auto& device : devices) {
    if (device.key)
      names.insert(key_column);
    for (const auto& [name, ignored] : *device.members)
      names.insert(name);
  }
  // A table of no devices is one: the last device may have gone.
  if (devices.empty())
    names.insert(key_column);
  return {names.begin(), names.end()};
}

std::int64_t to_ns(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

} // namespace

expected<device_table, std::string>
parse_device_csv(std::string text, const std::string& name,
                 const device_table_options& options) {
  std::istringstream in{std::move(text)};
  transport::csv_reader reader{in, options.separator};
  using result = transport::csv_reader::result;
  std::vector<std::string> names;
  std::vector<std::string> cells;
  auto how = reader.next(names);
  if (how == result::end)
    return unexpected(name + ": found nothing, accepted: a header line with \""
                      + options.key_column + "\" among its columns, then rows");
  if (how == result::error)
    return unexpected(name + ": " + reader.error());
  if (auto wrong = not_utf8(names, names, reader.line()); !wrong.empty())
    return unexpected(name + ": " + wrong);
  auto builder = lookup_table_builder::start(names, options.key_column, options.limits);
  if (!builder)
    return unexpected(name + ": line " + std::to_string(reader.line()) + ": "
                      + builder.error());
  while ((how = reader.next(cells)) == result::row) {
    if (auto wrong = not_utf8(names, cells, reader.line()); !wrong.empty())
      return unexpected(name + ": " + wrong);
    if (auto added = builder->add_row(reader.line(), cells); !added)
      return unexpected(name + ": " + added.error());
  }
  if (how == result::error)
    return unexpected(name + ": " + reader.error());
  return finish(*builder, name);
}

expected<device_table, std::string>
parse_device_toml(std::string_view text, const std::string& name,
                  const device_table_options& options) {
  auto tree = parse_toml(text, name);
  if (!tree)
    return unexpected(tree.error());
  auto devices = devices_of(*members_of(*tree));
  if (!devices)
    return unexpected(name + ": " + devices.error());
  auto names = names_of(*devices, options.key_column);
  auto builder = lookup_table_builder::start(names, options.key_column, options.limits);
  if (!builder)
    return unexpected(name + ": " + builder.error());
  for (const auto& device : *devices)
    if (auto added = add_device(*builder, device, names, options.key_column); !added)
      return unexpected(name + ": " + added.error());
  return finish(*builder, name);
}

expected<device_table, std::string>
load_device_table(const std::filesystem::path& file,
                  const device_table_options& options) {
  auto ending = file.extension();
  if (ending != ".csv" && ending != ".toml")
    return unexpected(file.string() + ": found the ending \"" + ending.string()
                      + "\", accepted: .csv or .toml");
  auto text = read_bounded(file, options.file_bytes_max);
  if (!text)
    return unexpected(text.error());
  return ending == ".csv" ? parse_device_csv(std::move(*text), file.string(), options)
                          : parse_device_toml(*text, file.string(), options);
}

device_table_file::device_table_file(std::filesystem::path file,
                                     device_table_options options)
  : file_(std::move(file)), options_(std::move(options)) {
}

device_table_file::stamp device_table_file::look() const {
  struct stat status {};
  if (::stat(file_.c_str(), &status) != 0)
    return {};
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
          to_ns(status.st_mtim), to_ns(status.st_ctim)};
}

expected<device_table, std::string> device_table_file::poll() {
  auto now = look();
  auto is_settled = now == std::exchange(seen_, now);
  if (done_ && (now == *done_ || !is_settled))
    return device_table{};
  auto loaded = load_device_table(file_, options_);
  // Changed while it was read: what was read may be of both.
  if (look() != now)
    return device_table{};
  done_ = now;
  if (loaded)
    table_ = *loaded;
  return loaded;
}

} // namespace weir::configs
