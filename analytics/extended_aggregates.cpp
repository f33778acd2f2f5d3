#include "analytics/extended_aggregates.hpp"

#include "analytics/byte_io.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

namespace weir::analytics {

namespace {

constexpr std::uint8_t format_version = 1;

// The parts' tags, in the order of the bytes.
constexpr std::uint8_t quantiles_tag = 1;
constexpr std::uint8_t flow_tag = 2;
constexpr std::uint8_t distinct_tag = 3;
constexpr std::uint8_t top_tag = 4;

constexpr std::uint8_t flow_wants_rate = 1;
constexpr std::uint8_t flow_wants_mean = 2;
constexpr std::uint8_t flow_has_events = 4;

// All lists of top values together. With it the whole stays below extended_bytes_max:
// 15 KiB for quantiles, 13 KiB for distinct, and little for the rest.
constexpr std::size_t top_bytes_max = 32 << 10;

/// What a difference of times is in seconds; it may be beyond 64 signed bits.
double seconds_between(std::int64_t from_ns, std::int64_t to_ns) {
  auto ns = static_cast<std::uint64_t>(to_ns) - static_cast<std::uint64_t>(from_ns);
  return static_cast<double>(ns) * 1e-9;
}

/// Sums stay finite, so that they can be encoded.
double bounded(double x) {
  constexpr auto max = std::numeric_limits<double>::max();
  return std::clamp(x, -max, max);
}

/// By how much a counter rose; a fall is a restart at 0.
double rise(double from, double to) {
  return to >= from ? to - from : std::max(to, 0.0);
}

template <class Named>
auto* find_named(std::vector<Named>& list, std::string_view name) {
  auto pos = std::find_if(list.begin(), list.end(),
                          [&](const auto& x) { return x.name == name; });
  return pos == list.end() ? nullptr : &*pos;
}

template <class Named>
std::vector<std::string_view> names_of(const std::vector<Named>& list) {
  std::vector<std::string_view> result;
  for (const auto& x : list)
    result.emplace_back(x.name);
  return result;
}

template <class Encode>
void put_part(std::string& out, std::uint8_t tag, const Encode& encode) {
  std::string bytes;
  encode(bytes);
  byte_writer writer{out};
  writer.put(tag);
  writer.put_short_text(bytes);
}

} // namespace

// -- rate and time-weighted mean
// -----------------------------------------------

double extended_aggregates::flow::seconds() const {
  return seconds_between(first_ns, last_ns);
}

void extended_aggregates::flow::add(std::int64_t time_ns, double value) {
  if (!has_events) {
    has_events = true;
    first = last = value;
    first_ns = last_ns = time_ns;
  } else if (time_ns >= last_ns) {
    increase = bounded(increase + rise(last, value));
    integral = bounded(integral + last * seconds_between(last_ns, time_ns));
    last = value;
    last_ns = time_ns;
  } else if (time_ns < first_ns) {
    increase = bounded(increase + rise(value, first));
    integral = bounded(integral + value * seconds_between(time_ns, first_ns));
    first = value;
    first_ns = time_ns;
  }
}

/// Takes the end of `later`; `share` is how much of it lies behind our last event.
void extended_aggregates::flow::append(const flow& later, double share) {
  increase = bounded(increase + share * later.increase);
  integral = bounded(integral + share * later.integral);
  last = later.last;
  last_ns = later.last_ns;
}

void extended_aggregates::flow::merge(const flow& other) {
  auto wants
    = std::pair{wants_rate || other.wants_rate, wants_mean || other.wants_mean};
  auto later = other;
  if (!has_events || (other.has_events && other.first_ns < first_ns))
    std::swap(*this, later);
  std::tie(wants_rate, wants_mean) = wants;
  if (!later.has_events)
    return;
  if (later.first_ns >= last_ns) {
    increase = bounded(increase + rise(last, later.first));
    integral = bounded(integral + last * seconds_between(last_ns, later.first_ns));
    append(later, 1.0);
  } else if (later.last_ns > last_ns) {
    append(later, seconds_between(last_ns, later.last_ns) / later.seconds());
  }
}

double extended_aggregates::rate() const {
  if (!flow_ || !flow_->wants_rate || flow_->first_ns >= flow_->last_ns)
    return std::numeric_limits<double>::quiet_NaN();
  return flow_->increase / flow_->seconds();
}

double extended_aggregates::time_weighted_mean() const {
  if (!flow_ || !flow_->wants_mean || !flow_->has_events)
    return std::numeric_limits<double>::quiet_NaN();
  return flow_->first_ns >= flow_->last_ns ? flow_->last
                                           : flow_->integral / flow_->seconds();
}

// -- the whole
// -----------------------------------------------------------------

extended_aggregates::extended_aggregates(const aggregate_plan& plan) {
  if (plan.quantiles)
    quantiles_ = std::make_unique<quantile_sketch>(plan.alpha);
  if (plan.rate || plan.time_weighted) {
    flow_ = std::make_unique<flow>();
    flow_->wants_rate = plan.rate;
    flow_->wants_mean = plan.time_weighted;
  }
  if (plan.distinct.empty() && plan.top.empty())
    return;
  texts_ = std::make_unique<text_parts>();
  for (const auto& name : plan.distinct)
    texts_->distinct.push_back({name, {}});
  for (const auto& x : plan.top)
    texts_->top.push_back({x.name, top_values{x.k}});
}

bool extended_aggregates::fits(const aggregate_plan& plan) const {
  auto quantiles_fit
    = plan.quantiles
        ? quantiles_ && quantiles_->alpha() == quantile_sketch{plan.alpha}.alpha()
        : !quantiles_;
  auto flow_fits = plan.rate || plan.time_weighted
                     ? flow_ && flow_->wants_rate == plan.rate
                         && flow_->wants_mean == plan.time_weighted
                     : !flow_;
  if (!texts_)
    return quantiles_fit && flow_fits && plan.distinct.empty() && plan.top.empty();
  auto same_distinct
    = [](const named_distinct& x, const std::string& name) { return x.name == name; };
  auto same_top = [](const named_top& x, const aggregate_plan::top_request& asked) {
    return x.name == asked.name && x.values.k() == asked.k;
  };
  return quantiles_fit && flow_fits
         && std::equal(texts_->distinct.begin(), texts_->distinct.end(),
                       plan.distinct.begin(), plan.distinct.end(), same_distinct)
         && std::equal(texts_->top.begin(), texts_->top.end(), plan.top.begin(),
                       plan.top.end(), same_top);
}

void extended_aggregates::add_texts(std::span<const std::uint64_t> hashes,
                                    std::span<const std::string_view> texts) {
  auto distinct_size = std::min(hashes.size(), texts_->distinct.size());
  for (std::size_t i = 0; i < distinct_size; ++i)
    if (hashes[i] != 0)
      texts_->distinct[i].sketch.add(hashes[i]);
  auto top_size = std::min(texts.size(), texts_->top.size());
  for (std::size_t i = 0; i < top_size; ++i)
    if (!texts[i].empty())
      texts_->top[i].values.add(texts[i]);
}

void extended_aggregates::merge(const extended_aggregates& other) {
  if (quantiles_ && other.quantiles_)
    quantiles_->merge(*other.quantiles_);
  else if (other.quantiles_)
    quantiles_ = std::make_unique<quantile_sketch>(*other.quantiles_);
  if (flow_ && other.flow_)
    flow_->merge(*other.flow_);
  else if (other.flow_)
    flow_ = std::make_unique<flow>(*other.flow_);
  if (texts_ && other.texts_)
    merge_texts(*other.texts_);
  else if (other.texts_)
    texts_ = std::make_unique<text_parts>(*other.texts_);
}

void extended_aggregates::merge_texts(const text_parts& other) {
  // By index: `other` may be this, and its lists must not grow below the loop.
  for (std::size_t i = 0; i < other.distinct.size(); ++i) {
    const auto& x = other.distinct[i];
    if (auto* mine = find_named(texts_->distinct, x.name))
      mine->sketch.merge(x.sketch);
    else if (texts_->distinct.size() < aggregate_names_max)
      texts_->distinct.push_back(x);
  }
  for (std::size_t i = 0; i < other.top.size(); ++i) {
    const auto& x = other.top[i];
    if (auto* mine = find_named(texts_->top, x.name))
      mine->values.merge(x.values);
    else if (texts_->top.size() < aggregate_names_max)
      texts_->top.push_back(x);
  }
}

const distinct_sketch* extended_aggregates::distinct(std::string_view name) const {
  auto* found = texts_ ? find_named(texts_->distinct, name) : nullptr;
  return found ? &found->sketch : nullptr;
}

const top_values* extended_aggregates::top(std::string_view name) const {
  auto* found = texts_ ? find_named(texts_->top, name) : nullptr;
  return found ? &found->values : nullptr;
}

std::vector<std::string_view> extended_aggregates::distinct_names() const {
  return texts_ ? names_of(texts_->distinct) : std::vector<std::string_view>{};
}

std::vector<std::string_view> extended_aggregates::top_names() const {
  return texts_ ? names_of(texts_->top) : std::vector<std::string_view>{};
}

std::size_t extended_aggregates::size_bytes() const {
  auto result = sizeof(*this) + (flow_ ? sizeof(*flow_) : 0)
                + (quantiles_ ? quantiles_->size_bytes() : 0);
  if (!texts_)
    return result;
  result += sizeof(*texts_);
  for (const auto& x : texts_->distinct)
    result += sizeof(x.name) + x.name.capacity() + x.sketch.size_bytes();
  for (const auto& x : texts_->top)
    result += sizeof(x.name) + x.name.capacity() + x.values.size_bytes();
  return result;
}

// -- bytes
// ---------------------------------------------------------------------

void extended_aggregates::encode(std::string& out) const {
  if (is_plain())
    return;
  byte_writer{out}.put(format_version);
  if (quantiles_)
    put_part(out, quantiles_tag, [&](std::string& x) { quantiles_->encode(x); });
  if (flow_)
    put_part(out, flow_tag, [&](std::string& x) { encode_flow(x); });
  if (!texts_)
    return;
  for (const auto& part : texts_->distinct)
    put_part(out, distinct_tag, [&](std::string& x) {
      byte_writer{x}.put_short_text(part.name);
      part.sketch.encode(x);
    });
  for (const auto& part : texts_->top)
    put_part(out, top_tag, [&](std::string& x) {
      byte_writer{x}.put_short_text(part.name);
      part.values.encode(x, top_bytes_max / texts_->top.size());
    });
}

void extended_aggregates::encode_flow(std::string& out) const {
  const auto& x = *flow_;
  byte_writer writer{out};
  writer.put(static_cast<std::uint8_t>((x.wants_rate ? flow_wants_rate : 0)
                                       | (x.wants_mean ? flow_wants_mean : 0)
                                       | (x.has_events ? flow_has_events : 0)));
  if (!x.has_events)
    return;
  writer.put(x.first_ns);
  writer.put_varint(static_cast<std::uint64_t>(x.last_ns)
                    - static_cast<std::uint64_t>(x.first_ns));
  writer.put_number(x.first);
  writer.put_number(x.last);
  writer.put_number(x.increase);
  writer.put_number(x.integral);
}

bool extended_aggregates::decode_flow(std::string_view bytes) {
  byte_reader in{bytes};
  auto flags = in.get<std::uint8_t>();
  flow_ = std::make_unique<flow>();
  auto& x = *flow_;
  x.wants_rate = (flags & flow_wants_rate) != 0;
  x.wants_mean = (flags & flow_wants_mean) != 0;
  x.has_events = (flags & flow_has_events) != 0;
  if (!in.ok() || flags >> 3 != 0 || (!x.wants_rate && !x.wants_mean))
    return false;
  if (!x.has_events)
    return in.at_end();
  x.first_ns = in.get<std::int64_t>();
  auto span_ns = in.get_varint();
  x.last_ns
    = static_cast<std::int64_t>(static_cast<std::uint64_t>(x.first_ns) + span_ns);
  x.first = in.get_number();
  x.last = in.get_number();
  x.increase = in.get_number();
  x.integral = in.get_number();
  return in.ok() && in.at_end() && x.last_ns >= x.first_ns && x.increase >= 0.0;
}

/// Empty, or what is wrong.
std::string extended_aggregates::decode_part(std::uint8_t tag, std::string_view bytes) {
  if (tag == quantiles_tag) {
    auto sketch = quantile_sketch::decode(bytes);
    if (!sketch)
      return std::move(sketch.error());
    quantiles_ = std::make_unique<quantile_sketch>(std::move(*sketch));
    return {};
  }
  if (tag == flow_tag)
    return decode_flow(bytes) ? "" : "rate and mean: bytes are missing or impossible";
  byte_reader in{bytes};
  std::string name{in.get_short_text()};
  if (!in.ok() || name.empty() || name.size() > aggregate_name_bytes_max)
    return "a dimension's name is missing or longer than 128 bytes";
  if (!texts_)
    texts_ = std::make_unique<text_parts>();
  if (tag == distinct_tag) {
    auto sketch = distinct_sketch::decode(in.rest());
    if (!sketch)
      return std::move(sketch.error());
    if (find_named(texts_->distinct, name)
        || texts_->distinct.size() == aggregate_names_max)
      return "a dimension is there twice, or a fifth one";
    texts_->distinct.push_back({std::move(name), std::move(*sketch)});
    return {};
  }
  auto values = top_values::decode(in.rest());
  if (!values)
    return std::move(values.error());
  if (find_named(texts_->top, name) || texts_->top.size() == aggregate_names_max)
    return "a dimension is there twice, or a fifth one";
  texts_->top.push_back({std::move(name), std::move(*values)});
  return {};
}

expected<extended_aggregates, std::string>
extended_aggregates::decode(std::string_view bytes) {
  auto fail = [](std::string_view why) {
    return unexpected("further aggregates: " + std::string{why});
  };
  extended_aggregates result;
  if (bytes.empty())
    return result;
  if (bytes.size() > extended_bytes_max)
    return fail("more than 64 KiB");
  byte_reader in{bytes};
  if (in.get<std::uint8_t>() != format_version || in.at_end())
    return fail("not version 1, or nothing behind it");
  std::uint8_t before = 0;
  while (!in.at_end()) {
    auto tag = in.get<std::uint8_t>();
    auto part = in.get_short_text();
    auto may_repeat = tag == distinct_tag || tag == top_tag;
    if (!in.ok() || tag < 1 || tag > top_tag || tag < before
        || (tag == before && !may_repeat))
      return fail("a part is cut off, unknown, out of order or there twice");
    before = tag;
    if (auto why = result.decode_part(tag, part); !why.empty())
      return fail(why);
  }
  return in.ok() ? expected<extended_aggregates, std::string>{std::move(result)}
                 : fail("a part is cut off");
}

} // namespace weir::analytics
