#include "app.hpp"

#include <boost/json/serialize.hpp>
#include <cstdio>

#include "base/limits.hpp"
#include "platform/atomic_file.hpp"

namespace farkeep::deploy {

void App::result(const std::string& text, const boost::json::object& object) const {
  std::string const line = options_.json ? boost::json::serialize(object) : text;
  if (line.empty()) return;
  std::fwrite(line.data(), 1, line.size(), stdout);
  if (!line.ends_with('\n')) std::fputc('\n', stdout);
}

void App::hint(const std::string& text) const {
  if (!options_.quiet && !options_.json) std::fprintf(stderr, "%s\n", text.c_str());
}

std::string text_of_file(Disk& disk, const std::string& path, const std::string& what, std::size_t limit) {
  auto const bytes = read_file(disk, path, limit);
  if (!bytes) throw failure(Errc::configuration, "reading " + what + " " + path + ": there is no such file");
  return to_string(*bytes);
}

ProfileConfig read_profile(Disk& disk, const std::string& path) {
  auto parsed = ProfileConfig::parse(text_of_file(disk, path, "the profile", limits::kMaxIniFile), path);
  for (auto const& error : parsed.errors) std::fprintf(stderr, "%s\n", error.to_string().c_str());
  if (!parsed) throw failure(Errc::configuration, "reading the profile " + path + ": correct the lines above");
  return std::move(*parsed.value);
}

}  // namespace farkeep::deploy
