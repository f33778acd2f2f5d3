#include "configs/config_tree.hpp"

#include "configs/edit_distance.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <utility>

namespace weir::configs {

namespace {

std::string shown(double x) {
  std::ostringstream out;
  out << x;
  return out.str();
}

/// The value as the reader of an error would recognise it.
std::string describe(const config_value& x) {
  struct {
    std::string operator()(std::monostate) const {
      return "a date or time";
    }
    std::string operator()(bool value) const {
      return value ? "true" : "false";
    }
    std::string operator()(std::int64_t value) const {
      return std::to_string(value);
    }
    std::string operator()(double value) const {
      return shown(value);
    }
    std::string operator()(const std::string& value) const {
      return "\"" + value + "\"";
    }
    std::string operator()(const std::shared_ptr<config_items>&) const {
      return "an array";
    }
    std::string operator()(const std::shared_ptr<config_members>&) const {
      return "a table";
    }
  } visitor;
  return std::visit(visitor, x.data);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string result;
  for (const auto& x : texts)
    result += (result.empty() ? "\"" : ", \"") + x + "\"";
  return result;
}

/// The known key that an unknown one was probably meant to be: one edit away.
std::string nearest(const std::string& key, const std::set<std::string>& known) {
  std::string best;
  std::size_t best_distance = 3;
  for (const auto& candidate : known) {
    auto distance = edit_distance(key, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

const config_value& empty_table() {
  static const config_value value{std::make_shared<config_members>(), 0};
  return value;
}

const config_members& members_of(const config_value& table) {
  return *std::get<std::shared_ptr<config_members>>(table.data);
}

bool is_same_data(const std::shared_ptr<config_items>& a,
                  const std::shared_ptr<config_items>& b) {
  return std::equal(a->begin(), a->end(), b->begin(), b->end(), is_same);
}

bool is_same_data(const std::shared_ptr<config_members>& a,
                  const std::shared_ptr<config_members>& b) {
  return std::equal(a->begin(), a->end(), b->begin(), b->end(),
                    [](const auto& x, const auto& y) {
                      return x.first == y.first && is_same(x.second, y.second);
                    });
}

template <class T>
bool is_same_data(const T& a, const T& b) {
  return a == b;
}

} // namespace

bool is_same(const config_value& a, const config_value& b) {
  if (a.data.index() != b.data.index())
    return false;
  return std::visit(
    [&b](const auto& x) {
      return is_same_data(x, std::get<std::decay_t<decltype(x)>>(b.data));
    },
    a.data);
}

table_reader::table_reader(const config_value& table, std::string file,
                           std::string path, config_errors& errors)
  : table_(&table), file_(std::move(file)), path_(std::move(path)), errors_(&errors) {
}

std::string table_reader::full_name(const std::string& key) const {
  return path_.empty() ? key : path_ + "." + key;
}

const config_value* table_reader::find(const std::string& key) {
  known_.insert(key);
  const auto& members = members_of(*table_);
  auto pos = members.find(key);
  return pos == members.end() ? nullptr : &pos->second;
}

bool table_reader::has(const std::string& key) const {
  return members_of(*table_).count(key) > 0;
}

void table_reader::fail(const std::string& key, const std::string& found,
                        const std::string& accepted) {
  complain(key, "found " + found + ", accepted: " + accepted);
}

void table_reader::complain(const std::string& key, const std::string& sentence) {
  const auto& members = members_of(*table_);
  auto pos = members.find(key);
  auto line = pos == members.end() ? table_->line : pos->second.line;
  errors_->push_back(file_ + ":" + std::to_string(std::max(line, 1)) + ": "
                     + full_name(key) + ": " + sentence);
}

void table_reader::moved(const std::string& key, const std::string& new_place) {
  if (!has(key))
    return; // Not known then, so that no misspelt key is guessed to be this one.
  known_.insert(key);
  complain(key, "this setting is " + new_place + " now");
}

void table_reader::pass_over(const std::string& key) {
  known_.insert(key);
}

std::string table_reader::text(const std::string& key, std::string fallback) {
  const auto* value = find(key);
  if (value == nullptr)
    return fallback;
  if (const auto* found = std::get_if<std::string>(&value->data))
    return *found;
  fail(key, describe(*value), "a text");
  return fallback;
}

std::string table_reader::required_text(const std::string& key) {
  auto result = text(key, {});
  if (find(key) == nullptr)
    fail(key, "nothing", "a text, which must be there");
  else if (result.empty() && std::holds_alternative<std::string>(find(key)->data))
    fail(key, "\"\"", "a text that is not empty");
  return result;
}

std::string table_reader::one_of(const std::string& key, std::string fallback,
                                 const std::vector<std::string>& accepted) {
  const auto* value = find(key);
  if (value == nullptr)
    return fallback;
  const auto* found = std::get_if<std::string>(&value->data);
  if (found != nullptr
      && std::find(accepted.begin(), accepted.end(), *found) != accepted.end())
    return *found;
  fail(key, describe(*value), "one of " + joined(accepted));
  return fallback;
}

bool table_reader::boolean(const std::string& key, bool fallback) {
  const auto* value = find(key);
  if (value == nullptr)
    return fallback;
  if (const auto* found = std::get_if<bool>(&value->data))
    return *found;
  fail(key, describe(*value), "true or false");
  return fallback;
}

std::int64_t table_reader::integer(const std::string& key, std::int64_t fallback,
                                   std::int64_t min, std::int64_t max) {
  const auto* value = find(key);
  if (value == nullptr)
    return fallback;
  const auto* found = std::get_if<std::int64_t>(&value->data);
  if (found != nullptr && *found >= min && *found <= max)
    return *found;
  fail(key, describe(*value),
       "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return fallback;
}

double table_reader::number(const std::string& key, double fallback, double min,
                            double max) {
  const auto* value = find(key);
  if (value == nullptr)
    return fallback;
  double found = std::nan("");
  if (const auto* x = std::get_if<double>(&value->data))
    found = *x;
  else if (const auto* n = std::get_if<std::int64_t>(&value->data))
    found = static_cast<double>(*n);
  if (found >= min && found <= max)
    return found;
  fail(key, describe(*value), "a number from " + shown(min) + " to " + shown(max));
  return fallback;
}

std::optional<double> table_reader::optional_number(const std::string& key) {
  if (find(key) == nullptr)
    return std::nullopt;
  constexpr auto most = std::numeric_limits<double>::max();
  return number(key, 0.0, -most, most);
}

std::vector<std::string> table_reader::texts(const std::string& key,
                                             std::vector<std::string> fallback) {
  const auto* value = find(key);
  if (value == nullptr)
    return fallback;
  const auto* items = std::get_if<std::shared_ptr<config_items>>(&value->data);
  std::vector<std::string> result;
  if (items != nullptr)
    for (const auto& item : **items)
      if (const auto* found = std::get_if<std::string>(&item.data))
        result.push_back(*found);
  if (items != nullptr && result.size() == (*items)->size())
    return result;
  fail(key, describe(*value), "an array of texts");
  return fallback;
}

table_reader table_reader::table(const std::string& key) {
  const auto* value = find(key);
  if (value != nullptr
      && !std::holds_alternative<std::shared_ptr<config_members>>(value->data)) {
    fail(key, describe(*value), "a table, [" + full_name(key) + "]");
    value = nullptr;
  }
  return {value == nullptr ? empty_table() : *value, file_, full_name(key), *errors_};
}

std::vector<table_reader> table_reader::tables(const std::string& key) {
  std::vector<table_reader> result;
  const auto* value = find(key);
  if (value == nullptr)
    return result;
  const auto* items = std::get_if<std::shared_ptr<config_items>>(&value->data);
  if (items == nullptr) {
    fail(key, describe(*value), "tables, [[" + full_name(key) + "]]");
    return result;
  }
  for (const auto& item : **items) {
    auto name = full_name(key) + "[" + std::to_string(result.size()) + "]";
    if (!std::holds_alternative<std::shared_ptr<config_members>>(item.data)) {
      fail(key, describe(item), "tables, [[" + full_name(key) + "]]");
      return result;
    }
    result.emplace_back(item, file_, name, *errors_);
  }
  return result;
}

void table_reader::finish() {
  for (const auto& [key, value] : members_of(*table_)) {
    if (known_.count(key) > 0)
      continue;
    auto guess = nearest(key, known_);
    errors_->push_back(
      file_ + ":" + std::to_string(value.line) + ": " + full_name(key) + ": unknown key"
      + (guess.empty() ? std::string{} : ", did you mean \"" + guess + "\"?")
      + (guess.empty() ? " (accepted: " +
                           [this] {
                             std::string all;
                             for (const auto& x : known_)
                               all += (all.empty() ? "" : ", ") + x;
                             return all;
                           }()
                           + ")"
                       : ""));
  }
}

} // namespace weir::configs
