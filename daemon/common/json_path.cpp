#include "common/json_path.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/hex.hpp"
#include "base/shown_path.hpp"
#include "base/utf8.hpp"

namespace farkeep {
namespace {

std::string text_of(std::string_view path) { return is_utf8(path) ? std::string(path) : shown_path(path); }
std::string hex_key(std::string_view key) { return std::string(key) + "_hex"; }

}  // namespace

void put_path(boost::json::object& to, std::string_view key, std::string_view path) {
  to[key] = text_of(path);
  if (!is_utf8(path)) to[hex_key(key)] = hex(as_bytes(path));
}

void put_paths(boost::json::object& to, std::string_view key, const std::vector<std::string>& paths) {
  boost::json::array texts, bytes;
  for (auto& path : paths) {
    texts.emplace_back(text_of(path));
    bytes.emplace_back(hex(as_bytes(path)));
  }
  to[key] = std::move(texts);
  if (!std::all_of(paths.begin(), paths.end(), [](const std::string& path) { return is_utf8(path); })) to[hex_key(key)] = std::move(bytes);
}

}  // namespace farkeep
