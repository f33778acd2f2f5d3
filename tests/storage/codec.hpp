// An outbox that can read its blocks, as the node configures it.
#pragma once

#include "storage/outbox.hpp"
#include "transport/block_codec.hpp"

#include <filesystem>
#include <string>
#include <utility>

namespace weir::test {

inline storage::outbox_config with_codec(std::filesystem::path directory,
                                         std::size_t size_bytes_max) {
  storage::outbox_config config{std::move(directory), size_bytes_max};
  config.encode = &transport::encode_block;
  config.decode
    = [](std::string_view bytes) -> expected<analytics::record_block, std::string> {
    auto result = transport::decode_block(bytes);
    if (!result)
      return unexpected(result.error().message);
    return std::move(*result);
  };
  return config;
}

} // namespace weir::test
