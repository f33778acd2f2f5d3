#include "tests/chaos/stored_window.hpp"

#include "tests/chaos/lmdb_reader.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>

namespace weir::chaos {

namespace {

struct part {
  std::uint32_t revision = 0;
  std::uint64_t count = 0;
  double sum = 0;
  double min = 0;
  double max = 0;
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
  bool early = false;
  bool correction = false;
};

/// What a window holds: what the run (epoch, run) saw, and what all before it saw.
struct content {
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;
  part first;
  std::optional<part> second;
};

part take_part(fields& in, std::uint64_t version) {
  part result;
  result.revision = static_cast<std::uint32_t>(in.number(4));
  in.number(4); // late_count
  result.count = in.number(8);
  result.sum = in.real();
  result.min = in.real();
  result.max = in.real();
  in.take(4 * 8); // mean, m2, first, last
  result.first_ns = in.time();
  result.last_ns = in.time();
  if (version >= 2) {
    auto marks = in.number(1);
    result.early = (marks & 1) != 0;
    result.correction = (marks & 2) != 0;
    in.text(); // extended
  }
  return result;
}

void add(part& to, const part& x) {
  to.count += x.count;
  to.sum += x.sum;
  to.min = std::min(to.min, x.min);
  to.max = std::max(to.max, x.max);
  to.first_ns = std::min(to.first_ns, x.first_ns);
  to.last_ns = std::max(to.last_ns, x.last_ns);
  to.revision = std::max(to.revision, x.revision);
}

part merged(const content& x) {
  auto result = x.first;
  if (!x.second)
    return result;
  add(result, *x.second);
  result.revision = x.second->revision + 1 + x.first.revision;
  return result;
}

bool can_hold(const part& x, const part& other) {
  return x.count >= other.count && x.first_ns <= other.first_ns
         && x.last_ns >= other.last_ns;
}

void begin_first(content& x, std::uint64_t epoch, std::uint32_t run, const part& news) {
  x.second = merged(x);
  x.epoch = epoch;
  x.run = run;
  x.first = news;
}

/// The rows of the table for a version of the same run.
void put_same_run(content& x, const part& news) {
  if (x.first.early) {
    x.first = news;
    return;
  }
  if (news.early)
    return;
  if (news.correction)
    return add(x.first, news);
  if (news.revision > x.first.revision && can_hold(news, x.first))
    x.first = news;
  else if (news.revision == 0 || news.revision > x.first.revision)
    begin_first(x, x.epoch, x.run, news);
}

/// Puts a later version on top, by the table in FORMAT.md.
void put(std::optional<content>& x, std::uint64_t epoch, std::uint32_t run,
         const part& news) {
  if (!x) {
    x = content{epoch, run, news, std::nullopt};
    return;
  }
  if (x->epoch == epoch && x->run == run)
    return put_same_run(*x, news);
  if (x->epoch == epoch && run < x->run)
    return;
  auto all = merged(*x);
  if (x->epoch == epoch && !news.correction && news.revision > all.revision
      && can_hold(news, all)) {
    x = content{epoch, run, news, std::nullopt};
  } else if (x->epoch == epoch && x->first.early && !news.correction
             && news.first_ns <= x->first.first_ns && news.count >= x->first.count) {
    x->first = news;
    x->run = run;
  } else {
    begin_first(*x, epoch, run, news);
  }
}

std::optional<content> take_content(fields& in) {
  auto version = in.number(1);
  if (version < 1 || version > 3)
    throw std::runtime_error("a summary of version " + std::to_string(version));
  auto holds = version == 3 ? in.number(1) : 1;
  std::optional<content> result;
  if (holds > 0) {
    result.emplace();
    result->epoch = in.number(8);
    result->run = static_cast<std::uint32_t>(in.number(4));
    result->first = take_part(in, version);
    if (version == 3 ? holds == 2 : in.left() > 0)
      result->second = take_part(in, version);
  }
  while (version == 3 && in.left() > 0) {
    auto epoch = in.number(8);
    auto run = static_cast<std::uint32_t>(in.number(4));
    in.number(8); // seq
    put(result, epoch, run, take_part(in, version));
  }
  in.end();
  return result;
}

} // namespace

read_window parse_window(std::string_view key, std::string_view value) {
  fields id{key, "key of a summary"};
  read_window result;
  result.series = static_cast<std::uint32_t>(id.number(4));
  result.width_ns = id.biased();
  result.start_ns = id.biased();
  id.end();
  fields in{value, "a summary"};
  auto content = take_content(in);
  if (!content)
    throw std::runtime_error("a summary without any part");
  auto all = merged(*content);
  result.count = all.count;
  result.sum = all.sum;
  result.min = all.min;
  result.max = all.max;
  result.early = all.early;
  return result;
}

} // namespace weir::chaos
