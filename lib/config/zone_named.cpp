#include <absl/time/time.h>

#include <algorithm>
#include <span>

#include "config/ascii.hpp"
#include "config/nearest.hpp"
#include "config/parsed.hpp"
#include "config/zone.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kLongestZone = 64;  // the database's longest name has 32 characters

/// Nothing that leaves the database's folder: no dot, no slash at an end, and no ':', with which the library begins
/// names of its own.
bool well_formed(std::string_view name) {
  auto const allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '_' ||
           c == '-' || c == '+';
  };
  return !name.empty() && name.size() <= kLongestZone && std::all_of(name.begin(), name.end(), allowed) &&
         name.front() != '/' && name.back() != '/' && name.find("//") == name.npos;
}

/// The zone that was probably meant: by the name of its city alone, or by a name with another case or a slip.
std::string hint(std::string_view name) {
  std::vector<std::string> const known = known_time_zones();
  if (known.empty()) return ": this machine has no time zone database, install the package tzdata";
  constexpr std::size_t kAbbreviation = 5;  // PST is not a slip of EST
  std::vector<std::string_view> candidates(known.begin(), known.end());
  for (std::string_view zone : candidates) {
    if (ascii::same(zone, name) || ascii::same(zone.substr(zone.rfind('/') + 1), name))
      return ": did you mean " + std::string{zone} + "?";
  }
  if (name.size() > kAbbreviation) {
    if (auto const near = nearest(name, candidates)) return ": did you mean " + std::string{*near} + "?";
  }
  return ": write a name such as Europe/Berlin or UTC";
}

}  // namespace

struct NamedTimeZone::Rules {
  absl::TimeZone zone;
};

NamedTimeZone::NamedTimeZone(std::string name, std::shared_ptr<const Rules> rules)
    : name_(std::move(name)), rules_(std::move(rules)) {}

Value<NamedTimeZone> NamedTimeZone::parse(std::string_view name) {
  std::string spelled{ascii::same(name, "UTC") ? "UTC" : name};
  Rules rules;
  if (!well_formed(name) || !absl::LoadTimeZone(spelled, &rules.zone))
    return refused("there is no time zone " + in_quotes(name) + hint(name));
  return NamedTimeZone{std::move(spelled), std::make_shared<const Rules>(rules)};
}

std::chrono::seconds NamedTimeZone::offset_at(std::chrono::sys_seconds instant) const {
  return std::chrono::seconds{rules_->zone.At(absl::FromUnixSeconds(instant.time_since_epoch().count())).offset};
}

}  // namespace farkeep
