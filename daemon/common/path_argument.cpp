#include "common/path_argument.hpp"

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "config/value.hpp"

namespace farkeep {

// ".." is what the links that are there now make of it.
std::string path_argument(const std::string& what, const std::string& text) {
  namespace fs = std::filesystem;
  if (text.empty()) throw failure(Errc::usage, what + ": it is empty");
  std::error_code error;
  fs::path path = text.starts_with('/') ? fs::path(text) : fs::current_path(error) / text;
  bool const climbs = std::find(path.begin(), path.end(), "..") != path.end();
  if (!error && climbs) path = fs::weakly_canonical(path, error);
  if (error) throw failure(error, what + " " + text);
  auto const parsed = parse_path(path.string());
  if (!parsed) throw failure(Errc::usage, what + " " + text + ": " + parsed.error().text);
  return *parsed;
}

}  // namespace farkeep
