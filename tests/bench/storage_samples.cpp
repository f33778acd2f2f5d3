#include "tests/bench/storage_samples.hpp"

#include "transport/timestamp.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <random>
#include <sstream>

namespace weir::bench {

namespace {

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> result;
  std::stringstream in{line};
  for (std::string cell; std::getline(in, cell, ',');)
    result.push_back(cell);
  return result;
}

void append_value(std::string& out, double value) {
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  char digits[32];
  auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

/// name{a="b"} with the edge as a label more.
std::string open_metrics_name(const std::string& series) {
  auto edge = std::string{"edge=\""} + sample_edge + "\"";
  if (series.back() != '}')
    return series + "{" + edge + "}";
  return series.substr(0, series.size() - 1) + "," + edge + "}";
}

/// Its labels have no comma, space or quote in their values.
std::string influx_name(const std::string& series) {
  auto result = open_metrics_name(series);
  result.erase(std::remove(result.begin(), result.end(), '"'), result.end());
  result[result.find('{')] = ',';
  result.pop_back();
  return result;
}

class sample_writer {
public:
  sample_writer(sample_format format, const std::filesystem::path& file)
    : format_(format), out_(file) {
  }

  void put(const std::string& name, std::int64_t end_ns, double value) {
    if (std::isnan(value))
      return;
    text_ += name;
    text_ += format_ == sample_format::influx ? " value=" : " ";
    append_value(text_, value);
    text_ += ' ';
    if (format_ == sample_format::influx) {
      text_ += std::to_string(end_ns);
    } else {
      auto ms = std::to_string(end_ns / 1'000'000 % 1000);
      text_ += std::to_string(end_ns / second_ns) + "."
               + std::string(3 - ms.size(), '0') + ms;
    }
    text_ += '\n';
    if (text_.size() > (1 << 20))
      flush();
  }

  std::uint64_t finish() {
    if (format_ == sample_format::open_metrics)
      text_ += "# EOF\n";
    flush();
    out_.close();
    return out_.fail() ? 0 : bytes_;
  }

private:
  void flush() {
    bytes_ += text_.size();
    out_ << text_;
    text_.clear();
  }

  sample_format format_;
  std::ofstream out_;
  std::string text_;
  std::uint64_t bytes_ = 0;
};

std::int64_t shortest_step(const std::vector<std::int64_t>& times) {
  auto result = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 1; i < times.size(); ++i)
    result = std::min(result, times[i] - times[i - 1]);
  return times.size() < 2 ? second_ns : result;
}

/// Windows must not overlap where samples are uneven: as wide as most steps are.
std::int64_t usual_step(const std::vector<std::int64_t>& times) {
  std::vector<std::int64_t> steps;
  for (std::size_t i = 1; i < times.size(); ++i)
    steps.push_back(times[i] - times[i - 1]);
  if (steps.empty())
    return second_ns;
  std::nth_element(steps.begin(), steps.begin() + static_cast<long>(steps.size() / 2),
                   steps.end());
  return std::max<std::int64_t>(steps[steps.size() / 2], second_ns);
}

} // namespace

std::size_t count_samples(const sample_set& set) {
  std::size_t result = 0;
  for (const auto& group : set)
    result += group.samples();
  return result;
}

sample_group made_samples(const std::string& metric, std::size_t series,
                          std::size_t count, std::int64_t width_ns,
                          std::int64_t end_ns) {
  sample_group result;
  result.width_ns = width_ns;
  for (std::size_t i = 0; i < count; ++i)
    result.ends_ns.push_back(end_ns
                             - static_cast<std::int64_t>(count - 1 - i) * width_ns);
  for (std::size_t s = 0; s < series; ++s) {
    std::mt19937 random{static_cast<std::uint32_t>(s + 1)};
    std::normal_distribution<double> normal;
    result.series.push_back(metric + "{source=\"m-" + std::to_string(s) + "\"}");
    auto& values = result.values.emplace_back();
    values.reserve(count);
    auto level = 20.0 + static_cast<double>(s % 50);
    for (std::size_t i = 0; i < count; ++i) {
      level += 0.02 * normal(random);
      values.push_back(std::round((level + 0.05 * normal(random)) * 100) / 100);
    }
  }
  return result;
}

std::vector<csv_column> read_csv(const std::filesystem::path& file) {
  std::vector<csv_column> result;
  std::ifstream in{file};
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    auto cells = cells_of(line);
    if (cells.size() < 2)
      continue;
    auto time_ns = transport::time_from_iso8601(cells[0]);
    if (!time_ns)
      continue;
    result.resize(std::max(result.size(), cells.size() - 1));
    for (std::size_t i = 1; i < cells.size(); ++i) {
      char* end = nullptr;
      auto value = std::strtod(cells[i].c_str(), &end);
      if (cells[i].empty() || *end != '\0')
        continue;
      result[i - 1].time_ns.push_back(*time_ns);
      result[i - 1].value.push_back(value);
    }
  }
  return result;
}

sample_set csv_samples(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> files{path};
  if (std::filesystem::is_directory(path)) {
    files.clear();
    for (const auto& x : std::filesystem::recursive_directory_iterator{path})
      if (x.path().extension() == ".csv")
        files.push_back(x.path());
    std::sort(files.begin(), files.end());
  }
  sample_set result;
  for (const auto& file : files) {
    auto columns = read_csv(file);
    for (std::size_t column = 0; column < columns.size(); ++column) {
      const auto& xs = columns[column];
      if (xs.value.size() < 100)
        continue;
      sample_group group;
      auto& values = group.values.emplace_back();
      for (std::size_t i = 0; i < xs.value.size(); ++i) {
        if (!std::isfinite(xs.value[i])
            || (!group.ends_ns.empty() && xs.time_ns[i] <= group.ends_ns.back()))
          continue;
        group.ends_ns.push_back(xs.time_ns[i]);
        values.push_back(xs.value[i]);
      }
      group.width_ns = usual_step(group.ends_ns);
      group.series.push_back("real{source=\"" + file.stem().string() + "-"
                             + std::to_string(column) + "\"}");
      result.push_back(std::move(group));
    }
  }
  return result;
}

sample_set read_open_metrics(const std::filesystem::path& file) {
  sample_set result;
  std::map<std::string, std::size_t> known;
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) {
    auto at_time = line.rfind(' ');
    if (line.empty() || line.front() == '#' || at_time == std::string::npos)
      continue;
    auto at_value = line.rfind(' ', at_time - 1);
    auto name = line.substr(0, at_value);
    auto [slot, is_new] = known.try_emplace(name, result.size());
    if (is_new) {
      result.emplace_back().series.push_back(name);
      result.back().values.emplace_back();
    }
    auto& group = result[slot->second];
    group.values.front().push_back(std::strtod(line.c_str() + at_value + 1, nullptr));
    group.ends_ns.push_back(static_cast<std::int64_t>(
      std::llround(std::strtod(line.c_str() + at_time + 1, nullptr) * 1000.0)
      * 1'000'000));
  }
  for (auto& group : result)
    group.width_ns = shortest_step(group.ends_ns);
  return result;
}

std::uint64_t write_samples(const sample_set& set, sample_format format,
                            const std::filesystem::path& file) {
  sample_writer out{format, file};
  for (const auto& group : set) {
    std::vector<std::string> names;
    for (const auto& x : group.series)
      names.push_back(format == sample_format::influx ? influx_name(x)
                                                      : open_metrics_name(x));
    if (format == sample_format::open_metrics) {
      for (std::size_t s = 0; s < names.size(); ++s)
        for (std::size_t i = 0; i < group.ends_ns.size(); ++i)
          out.put(names[s], group.ends_ns[i], group.values[s][i]);
    } else {
      for (std::size_t i = 0; i < group.ends_ns.size(); ++i)
        for (std::size_t s = 0; s < names.size(); ++s)
          out.put(names[s], group.ends_ns[i], group.values[s][i]);
    }
  }
  return out.finish();
}

analytics::summary plain_summary(std::int64_t end_ns, std::int64_t width_ns,
                                 double value) {
  analytics::summary x;
  x.start_ns = end_ns - width_ns;
  x.width_ns = width_ns;
  x.count = 1;
  x.sum = x.min = x.max = x.mean = x.first = x.last = value;
  x.first_ns = x.last_ns = x.start_ns;
  return x;
}

analytics::summary full_summary(std::int64_t end_ns, std::int64_t width_ns,
                                double level, std::uint32_t seed, bool is_fat) {
  analytics::summary x;
  x.start_ns = end_ns - width_ns;
  x.width_ns = width_ns;
  for (std::uint32_t i = 0; i < 10; ++i) {
    seed = seed * 1664525u + 1013904223u;
    auto noise = static_cast<double>(seed) / 4294967296.0 * 20;
    auto value = level + (is_fat ? std::sqrt(noise) : std::round(noise)) / 100;
    auto delta = value - x.mean;
    x.count += 1;
    x.sum += value;
    x.mean += delta / static_cast<double>(x.count);
    x.m2 += delta * (value - x.mean);
    x.min = i == 0 ? value : std::min(x.min, value);
    x.max = i == 0 ? value : std::max(x.max, value);
    x.first = i == 0 ? value : x.first;
    x.last = value;
  }
  x.first_ns = x.start_ns + width_ns / 1000 * 3;
  x.last_ns = x.start_ns + width_ns / 1000 * 903;
  return x;
}

} // namespace weir::bench
