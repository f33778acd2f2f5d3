// Series blocks: any bytes, with and without a right checksum, and blocks made of the
// fuzzer's numbers. What decodes is within its limits and comes back from its own
// block; what was encoded comes back with every bit.
#include "storage/big_endian.hpp"
#include "storage/crc32c.hpp"
#include "storage/series_block.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

using namespace weir::storage;
using weir::analytics::summary;

namespace {

void demand(bool ok) {
  if (!ok)
    std::abort();
}

/// Few records only: many are slower, and nothing else.
constexpr std::size_t fuzzed_records_max = 2'000;

/// The fuzzer cannot guess a checksum: it gets the right one.
std::string sealed(std::string_view bytes) {
  std::string block{bytes};
  if (block.size() >= 8)
    store_be(block.data() + 4, crc32c(std::string_view{block}.substr(8),
                                      crc32c(std::string_view{block}.substr(0, 4))));
  return block;
}

void check_samples(std::string_view block) {
  sample_columns xs;
  if (!decode_block(block, xs))
    return;
  demand(xs.time_ns.size() == xs.value.size() && xs.size() <= block_records_max);
  auto again = encode_block(xs.time_ns, xs.value);
  sample_columns back;
  demand(decode_block(again, back).has_value());
  demand(back.time_ns == xs.time_ns);
  demand(xs.size() == 0
         || std::memcmp(back.value.data(), xs.value.data(), xs.size() * 8) == 0);
}

void check_summaries(std::string_view block) {
  std::vector<summary> xs;
  if (!decode_block(block, xs))
    return;
  demand(xs.size() <= block_records_max);
  auto again = encode_block(xs);
  std::vector<summary> back;
  demand(decode_block(again, back).has_value());
  demand(back.size() == xs.size() && encode_block(back) == again);
}

/// The fuzzer's bytes as numbers: pairs of time and value, or the fields of summaries.
std::string block_of_numbers(std::string_view bytes, bool samples) {
  std::vector<std::int64_t> numbers(bytes.size() / 8);
  if (!numbers.empty())
    std::memcpy(numbers.data(), bytes.data(), numbers.size() * 8);
  if (samples) {
    sample_columns xs;
    for (std::size_t i = 0; i + 2 <= numbers.size(); i += 2) {
      xs.time_ns.push_back(numbers[i]);
      xs.value.push_back(std::bit_cast<double>(numbers[i + 1]));
    }
    return encode_block(xs.time_ns, xs.value);
  }
  std::vector<summary> xs;
  for (std::size_t i = 0; i + 10 <= numbers.size(); i += 10) {
    auto real = [&](std::size_t j) { return std::bit_cast<double>(numbers[i + j]); };
    summary x;
    x.start_ns = numbers[i];
    x.width_ns = numbers[i + 1];
    x.count = static_cast<std::uint64_t>(numbers[i + 2]);
    x.sum = real(3);
    x.min = real(4);
    x.max = real(5);
    x.mean = real(6);
    x.m2 = real(7);
    x.first = real(8);
    x.last = real(9);
    x.extended.assign(bytes.substr(0, bytes.size() % 7));
    xs.push_back(x);
  }
  return encode_block(xs);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto bytes = std::string_view{reinterpret_cast<const char*>(data), size};
  if (bytes.empty())
    return 0;
  auto how = static_cast<std::uint8_t>(bytes.front()) % 4;
  bytes.remove_prefix(1);
  std::string block;
  if (how == 0)
    block = bytes;
  else if (how == 1)
    block = sealed(bytes);
  else
    block = block_of_numbers(bytes, how == 2);
  auto facts = inspect_block(block);
  if (how >= 2)
    demand(facts.has_value());
  else if (!facts || facts->records > fuzzed_records_max)
    return 0;
  check_samples(block);
  check_summaries(block);
  return 0;
}
