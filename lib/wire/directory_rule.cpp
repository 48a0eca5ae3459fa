#include "wire/directory_rule.hpp"

#include <algorithm>
#include <limits>

namespace farkeep::wire {
namespace {

constexpr std::int64_t kFirstHour = 1'767'225'600 / 3600;  // 2026-01-01T00:00:00Z
constexpr std::uint64_t kStep = std::uint64_t{1} << 16;     // in hours: more than seven years of a clock that is wrong, or of publishing each minute for a month and a half
constexpr std::uint64_t kSane = std::uint64_t{1} << 22;     // hours to the year 2504: what no honest history reaches

std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max() : a + b;
}

std::string brief(const std::string& server_id) {
  auto const id = ServerId::from(server_id);
  return id ? "server " + id->brief() : std::string{"nobody"};
}

}  // namespace

std::uint64_t serial_floor(WallTime now) {
  auto const hours = unix_seconds(now) / 3600 - kFirstHour;
  return static_cast<std::uint64_t>(std::clamp<std::int64_t>(hours, 1, std::int64_t{kSane / 2}));
}

std::uint64_t serial_ceiling(std::uint64_t known, WallTime now) { return plus(std::max(known, serial_floor(now)), kStep); }

bool serial_is_sane(std::uint64_t serial, WallTime now) { return serial <= plus(serial_floor(now), kSane); }

std::optional<pb::Directory> believable_directory(const pb::SignedDirectory& directory, const KnownDirectory& known, const TrustedRoots& roots, WallTime now, std::string& why) {
  if (directory.directory().size() > kMaxDirectory) {
    why = "it has " + std::to_string(directory.directory().size()) + " bytes, and none may have more than " + std::to_string(kMaxDirectory);
    return std::nullopt;
  }
  auto verified = verify_signed_directory(directory, roots, now);
  if (!verified) {
    why = "it is not properly signed (" + verified.error().message() + ")";
    return std::nullopt;
  }
  auto& content = verified->content;
  if (content.pair_size() == 0) {
    why = "it names no pair";
    return std::nullopt;
  }
  if (known.word) {
    why = known.word->revoked.objection(verified->name, verified->certificate, verified->above);
    if (!why.empty()) return std::nullopt;
  }
  if (content.serial() > serial_ceiling(known.serial, now)) {
    why = "its serial is " + std::to_string(content.serial()) + ", too far beyond " + std::to_string(std::max(known.serial, serial_floor(now)));
    return std::nullopt;
  }
  auto const& pair = content.pair(0);
  auto const signer = std::string{as_text(verified->name.server->view())};
  if (signer != pair.primary().server_id()) {
    why = brief(signer) + " signed it, but it names " + brief(pair.primary().server_id()) + " as primary";
    return std::nullopt;
  }
  if (known.word && known.word->content.pair_size() > 0) {
    auto const named = known.word->pair_of(signer);
    if (!named || named->alternate() != pair.alternate().server_id()) {
      why = "the root has not named the pair of " + brief(signer) + " and " + brief(pair.alternate().server_id());
      return std::nullopt;
    }
    // Another pair's word is for its own agents.
    if (known.used && known.used->pair_size() > 0 && known.used->pair(0).primary().server_id() != signer && known.word->pair_of(known.used->pair(0).primary().server_id())) {
      why = brief(signer) + " is the primary of another pair";
      return std::nullopt;
    }
    return std::move(content);
  }
  if (!known.used || known.used->pair_size() == 0) return std::move(content);
  auto const& used = known.used->pair(0);
  if (signer != used.primary().server_id()) {
    why = brief(signer) + " signed it, and the primary is " + brief(used.primary().server_id()) + ": only that one, or the root, may say otherwise";
    return std::nullopt;
  }
  if (!used.alternate().server_id().empty() && used.alternate().server_id() != pair.alternate().server_id()) {
    why = brief(used.alternate().server_id()) + " is no longer in it: that takes the root's word";
    return std::nullopt;
  }
  return std::move(content);
}

}  // namespace farkeep::wire
