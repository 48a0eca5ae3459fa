#include "store/store.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxName = 200;  // as one file name together with a prefix it stays below NAME_MAX

bool allowed(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'; }

bool good_part(std::string_view part) noexcept {
  return !part.empty() && part != "." && part != ".." && !part.ends_with(".obj") &&
         std::all_of(part.begin(), part.end(), allowed);
}

}  // namespace

bool is_object_name(std::string_view name) noexcept {
  if (name.size() > kMaxName) return false;
  for (;;) {
    auto slash = name.find('/');
    if (!good_part(name.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
}

task<void> Upload::append(Buffer bytes) {
  std::vector<Buffer> pieces;
  pieces.push_back(std::move(bytes));
  return append(std::move(pieces));
}

void check_object_name(std::string_view name) {
  if (!is_object_name(name)) throw failure(Errc::malformed, "checking an object's name");
}

void check_object_folder(std::string_view folder) {
  if (folder.empty()) return;
  if (folder.back() != '/' || !is_object_name(folder.substr(0, folder.size() - 1)))
    throw failure(Errc::malformed, "checking a folder's name");
}

}  // namespace farkeep
