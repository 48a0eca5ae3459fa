#include <algorithm>
#include <iterator>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "platform/atomic_file.hpp"
#include "platform/unreadable.hpp"
#include "vault/registry.hpp"
#include "vault/registry_file.hpp"
#include "vault/registry_locked.hpp"

// What the registry keeps of signed documents.  Sealed as every file is: rot is told.  A directory that is lost is made anew; what the root said is not.
namespace farkeep {
namespace {

enum class Copy { absent, damaged, whole };

Copy read_copy(Disk& disk, const std::string& file, std::string& out) {
  try {
    auto const bytes = read_file(disk, file, limits::kMaxFrameHead);
    if (!bytes) return Copy::absent;
    auto const payload = registry_payload(*bytes);
    if (!payload) return Copy::damaged;
    out = std::string{as_text(payload->bytes)};
    return Copy::whole;
  } catch (const failure& f) {
    if (!is_unreadable(f.code())) throw;
    return Copy::damaged;
  }
}

constexpr const char* kWordCopies[] = {"/root-word", "/root-word.copy"};

}  // namespace

std::string Registry::directory() {
  std::string out;
  if (read_copy(disk_, folder_ + "/directory", out) == Copy::damaged) note_damage(folder_ + "/directory", "its checksum is wrong, or it cannot be read");
  return out;
}
void Registry::set_directory(std::string_view signed_directory) {
  Locked lock{*this};
  write_file_atomically(disk_, folder_ + "/directory", registry_file(as_bytes(signed_directory)));
  {
    std::lock_guard guard{damage_mutex_};
    damage_.erase(folder_ + "/directory");
  }
  bump();
}

std::string Registry::root_word_in(Disk& disk, const std::string& folder) {
  std::string out;
  for (auto const* name : kWordCopies)
    if (read_copy(disk, folder + name, out) == Copy::whole) return out;
  return {};
}

// Twice: without it, whoever was revoked would be let in again, and a server that has the root's key would say so to everybody.
std::string Registry::root_word() {
  std::lock_guard guard{word_mutex_};
  for (auto const* name : kWordCopies) {
    std::string out;
    auto const copy = read_copy(disk_, folder_ + name, out);
    if (copy == Copy::damaged) note_damage(folder_ + name, "its checksum is wrong, or it cannot be read");
    if (copy == Copy::whole) return last_word_ = std::move(out);
  }
  return last_word_;
}

bool Registry::has_lost_root_word() {
  bool damaged = false;
  for (auto const* name : kWordCopies) {
    std::string out;
    auto const copy = read_copy(disk_, folder_ + name, out);
    if (copy == Copy::whole) return false;
    damaged = damaged || copy == Copy::damaged;
  }
  std::lock_guard guard{word_mutex_};
  return damaged || !last_word_.empty();
}

void Registry::heal_root_word() {
  std::string out;
  auto const is_whole = [&] { return std::all_of(std::begin(kWordCopies), std::end(kWordCopies), [&](auto const* name) { return read_copy(disk_, folder_ + name, out) == Copy::whole; }); };
  if (is_whole()) return;
  Locked lock{*this};
  auto const known = root_word();  // now: somebody may have said a newer one
  if (!known.empty() && !is_whole()) write_root_word(known);
}

void Registry::set_root_word(std::string_view signed_word) {
  Locked lock{*this};
  write_root_word(signed_word);
}

// Under the lock.
void Registry::write_root_word(std::string_view signed_word) {
  for (auto const* name : {kWordCopies[1], kWordCopies[0]}) {
    write_file_atomically(disk_, folder_ + name, registry_file(as_bytes(signed_word)));
    std::lock_guard guard{damage_mutex_};
    damage_.erase(folder_ + name);
  }
  bump();
}

}  // namespace farkeep
