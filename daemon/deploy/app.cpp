#include "app.hpp"

#include <boost/json/serialize.hpp>

#include "base/limits.hpp"
#include "platform/atomic_file.hpp"
#include "common/say.hpp"
#include "platform/file_access.hpp"

namespace farkeep::deploy {

void App::result(const std::string& text, const boost::json::object& object) const {
  if (options_.json) say_json(boost::json::serialize(object));
  else if (!text.empty()) say_text(text);
}

void App::hint(const std::string& text) const {
  if (!options_.quiet && !options_.json) tell_text(text);
}

std::string text_of_file(Disk& disk, const std::string& path, const std::string& what, std::size_t limit) {
  auto const bytes = read_file(disk, path, limit);
  if (!bytes) throw failure(Errc::configuration, "reading " + what + " " + path + ": there is no such file");
  return to_string(*bytes);
}

ProfileConfig read_profile(Disk& disk, const std::string& path) {
  refuse_if_others_may_change(path, "the profile " + path);
  auto parsed = ProfileConfig::parse(text_of_file(disk, path, "the profile", limits::kMaxIniFile), path);
  for (auto const& error : parsed.errors) tell_text(error.to_string());
  if (!parsed) throw failure(Errc::configuration, "reading the profile " + path + ": correct the lines above");
  return std::move(*parsed.value);
}

}  // namespace farkeep::deploy
