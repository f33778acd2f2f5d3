#include "web/static_files.hpp"

#include <algorithm>

namespace weir::web {

namespace {

std::string_view trim(std::string_view text) {
  auto begin = std::min(text.find_first_not_of(" \t"), text.size());
  auto end = text.find_last_not_of(" \t");
  return end == text.npos ? std::string_view{} : text.substr(begin, end + 1 - begin);
}

/// Takes the next element of a comma-separated list.
std::string_view next_element(std::string_view& list) {
  auto end = std::min(list.find(','), list.size());
  auto result = trim(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  return result;
}

/// Whether the parameters of a coding say q=0, in any of its spellings.
bool is_refused(std::string_view parameters) {
  auto q = parameters.find("q=");
  if (q == parameters.npos)
    return false;
  auto value = trim(parameters.substr(q + 2));
  return !value.empty() && value.find_first_not_of("0.") == value.npos;
}

/// The tag without quotes, weakness mark and our suffix of the encoding.
std::string_view core_of(std::string_view tag) {
  if (tag.starts_with("W/"))
    tag.remove_prefix(2);
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"')
    tag = tag.substr(1, tag.size() - 2);
  for (std::string_view suffix : {"-gz", "-br"})
    if (tag.ends_with(suffix))
      tag.remove_suffix(suffix.size());
  return tag;
}

bool has_tag(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    auto tag = next_element(if_none_match);
    if (tag == "*" || (!tag.empty() && core_of(tag) == core_of(etag)))
      return true;
  }
  return false;
}

/// Another encoding is another representation and needs a tag of its own.
std::string tag_of(std::string_view etag, encoding x) {
  if (x == encoding::identity)
    return std::string{etag};
  auto result = std::string{"\""}.append(core_of(etag));
  return result.append(x == encoding::gzip ? "-gz\"" : "-br\"");
}

} // namespace

encoding choose_encoding(std::string_view accept_encoding, bool has_gzip,
                         bool has_brotli) {
  bool gzip = false;
  bool brotli = false;
  while (!accept_encoding.empty()) {
    auto element = next_element(accept_encoding);
    auto end = std::min(element.find(';'), element.size());
    auto name = trim(element.substr(0, end));
    bool wanted = !is_refused(element.substr(end));
    if (name == "gzip")
      gzip = wanted;
    else if (name == "br")
      brotli = wanted;
  }
  if (brotli && has_brotli)
    return encoding::brotli;
  return gzip && has_gzip ? encoding::gzip : encoding::identity;
}

http_response serve_asset(const embedded_asset& asset, const http_request& request) {
  auto chosen = choose_encoding(request.accept_encoding, !asset.gzip.empty(),
                                !asset.brotli.empty());
  http_response result;
  result.headers.emplace_back("ETag", tag_of(asset.etag, chosen));
  result.headers.emplace_back("Vary", "Accept-Encoding");
  result.headers.emplace_back("Cache-Control", asset.immutable
                                                 ? "public, max-age=31536000, immutable"
                                                 : "no-cache");
  if (has_tag(request.if_none_match, asset.etag)) {
    result.status = 304;
    return result;
  }
  result.content_type = asset.content_type;
  result.static_body = asset.identity;
  if (chosen == encoding::gzip) {
    result.headers.emplace_back("Content-Encoding", "gzip");
    result.static_body = asset.gzip;
  } else if (chosen == encoding::brotli) {
    result.headers.emplace_back("Content-Encoding", "br");
    result.static_body = asset.brotli;
  }
  return result;
}

const embedded_asset* find_asset(std::string_view path) {
  auto assets = embedded_assets();
  auto found = std::find_if(assets.begin(), assets.end(),
                            [&](const auto& x) { return x.path == path; });
  return found == assets.end() ? nullptr : &*found;
}

} // namespace weir::web
