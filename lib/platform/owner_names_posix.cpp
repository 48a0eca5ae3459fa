#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <vector>

#include "platform/entry_meta.hpp"

namespace farkeep {
namespace {

// A machine with more owners than this in one tree has them from a directory service; asking again is all it costs.
constexpr std::size_t kMostNames = 4096;
// A group's record lists its members; beyond this it counts as nameless.
constexpr std::size_t kMostRecord = 1 << 20;

/// Calls one of the get…_r functions with a buffer that is large enough.  The record, or null.
template <class Record, class Call>
const Record* ask(Record& record, std::vector<char>& buffer, Call call) {
  for (buffer.resize(1024); buffer.size() <= kMostRecord; buffer.resize(4 * buffer.size())) {
    Record* found = nullptr;
    int const error = call(&record, buffer.data(), buffer.size(), &found);
    if (error == 0) return found;
    if (error != ERANGE && error != EINTR) return nullptr;  // also what the various name services say for "unknown"
  }
  return nullptr;
}

/// The remembered answer, or a new one; a full memory is forgotten as a whole.
template <class Map, class Find>
auto& remember(Map& map, const typename Map::key_type& key, Find find) {
  if (auto const at = map.find(key); at != map.end()) return at->second;
  if (map.size() >= kMostNames) map.clear();
  return map.emplace(key, find()).first->second;
}

// One that is too long for an entry (archive/entry.hpp) is none: a directory service may say anything.
std::string kept(std::string name) {
  constexpr std::size_t kMostName = 1024;
  if (name.size() > kMostName) name.clear();
  return name;
}

}  // namespace

const std::string& OwnerNames::user(std::uint32_t uid) {
  return remember(users_, uid, [uid] {
    passwd record;
    std::vector<char> buffer;
    auto const p = ask(record, buffer, [uid](auto... a) { return ::getpwuid_r(uid, a...); });
    return p ? kept(p->pw_name) : std::string{};
  });
}

const std::string& OwnerNames::group(std::uint32_t gid) {
  return remember(groups_, gid, [gid] {
    ::group record;
    std::vector<char> buffer;
    auto const g = ask(record, buffer, [gid](auto... a) { return ::getgrgid_r(gid, a...); });
    return g ? kept(g->gr_name) : std::string{};
  });
}

std::optional<std::uint32_t> OwnerNames::uid(const std::string& name) {
  return remember(uids_, name, [&name]() -> std::optional<std::uint32_t> {
    passwd record;
    std::vector<char> buffer;
    auto const p = ask(record, buffer, [&name](auto... a) { return ::getpwnam_r(name.c_str(), a...); });
    return p ? std::optional<std::uint32_t>{p->pw_uid} : std::nullopt;
  });
}

std::optional<std::uint32_t> OwnerNames::gid(const std::string& name) {
  return remember(gids_, name, [&name]() -> std::optional<std::uint32_t> {
    ::group record;
    std::vector<char> buffer;
    auto const g = ask(record, buffer, [&name](auto... a) { return ::getgrnam_r(name.c_str(), a...); });
    return g ? std::optional<std::uint32_t>{g->gr_gid} : std::nullopt;
  });
}

}  // namespace farkeep
