#include "platform/file_access.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>

#include "base/error.hpp"
#include "base/log.hpp"
#include "platform/entry_meta.hpp"
#include "platform/printable.hpp"

namespace farkeep {
namespace {

namespace fs = std::filesystem;
constexpr int kMostLinks = 40;  // what the kernel follows

enum class Right { change, read };

struct Walk {
  Right right;
  uid_t system;  // whom / belongs to: root, but in a container of a user's own

  uid_t owner;   // of what is looked at, where that one is trusted too; else root

  bool trusted(uid_t user) const { return user == 0 || user == ::geteuid() || user == system || user == owner; }
};

// The mending command is for a shell, the name for people: a name that needs quotes gets them from printable().
std::string quoted(const std::string& path) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+@%:,";
  return path.find_first_not_of(kPlain) == path.npos ? path : printable(path);
}

std::string named(uid_t user) {
  const std::string name = OwnerNames{}.user(user);
  return name.empty() ? std::to_string(user) : name;
}
std::string named_group(gid_t group) {
  const std::string name = OwnerNames{}.group(group);
  return name.empty() ? std::to_string(group) : name;
}

std::string belongs(const std::string& path, const struct stat& st) {
  return quoted(path) + " belongs to the user " + named(st.st_uid) + ", who could change it (chown " + named(::geteuid()) + " " + quoted(path) + ")";
}

// Who besides the owner may write here.
std::string writers(const std::string& path, const struct stat& st) {
  if (st.st_mode & S_IWOTH) return "everybody on this machine may write to " + quoted(path) + " (chmod o-w " + quoted(path) + ")";
  if ((st.st_mode & S_IWGRP) && st.st_gid != 0) return "the group " + named_group(st.st_gid) + " may write to " + quoted(path) + " (chmod g-w " + quoted(path) + ")";
  return {};
}

std::string end_of_walk(const Walk& walk, const std::string& path, const struct stat& st, bool reachable) {
  if (walk.right == Right::change) {
    if (!walk.trusted(st.st_uid)) return belongs(path, st);
    return reachable ? writers(path, st) : std::string{};
  }
  if (reachable && (st.st_mode & S_IROTH)) return "everybody on this machine may read " + quoted(path) + " (chmod o-r " + quoted(path) + ")";
  return {};
}

// Names one after the other, from / on; where one is a link, its target's take its place.
std::string look(Right right, const std::string& given, bool owner_is_trusted = false) {
  struct stat st {};
  if (::stat(given.c_str(), &st) != 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) return {};
  const uid_t owner = owner_is_trusted ? st.st_uid : 0;
  if (::stat("/", &st) != 0) return {};
  const Walk walk{right, st.st_uid, owner};
  std::error_code none;
  std::deque<std::string> rest;
  const auto push = [&](const fs::path& path) {
    std::deque<std::string> parts;
    for (auto& part : path.relative_path()) parts.push_back(part.string());
    rest.insert(rest.begin(), parts.begin(), parts.end());
  };
  push(fs::absolute(given, none));
  if (none) return {};

  std::string at = "";       // the folder that we are in; "" is /
  std::deque<bool> open;     // for each folder above, and this one, whether others get so far
  bool reachable = true;
  int links = 0;
  while (!rest.empty()) {
    const std::string name = rest.front();
    rest.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      at = fs::path(at).parent_path() == "/" ? "" : fs::path(at).parent_path().string();
      if (!open.empty()) {
        reachable = open.back();
        open.pop_back();
      }
      continue;
    }
    const std::string path = at + "/" + name;
    if (::lstat(path.c_str(), &st) != 0) return {};  // what the kernel shows as a link and is none (/proc)
    if (S_ISLNK(st.st_mode)) {
      if (right == Right::change && reachable && !walk.trusted(st.st_uid)) return belongs(path, st);
      if (++links > kMostLinks) return {};
      const fs::path target = fs::read_symlink(path, none);
      if (none) return {};
      if (target.is_absolute()) {
        at.clear();
        open.clear();
        reachable = true;
      }
      push(target);
      continue;
    }
    if (rest.empty()) return end_of_walk(walk, path, st, reachable);
    if (right == Right::change) {
      if (!walk.trusted(st.st_uid)) return belongs(path, st);
      const bool sticky = (st.st_mode & S_ISVTX) != 0;
      if (reachable && !sticky)
        if (std::string who = writers(path, st); !who.empty()) return who;
    }
    open.push_back(reachable);
    reachable = reachable && (st.st_mode & (S_IXGRP | S_IXOTH)) != 0;
    at = path;
  }
  return {};
}

}  // namespace

bool everybody_may_read(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && (st.st_mode & S_IROTH) != 0;
}

std::string who_may_change(const std::string& path) { return look(Right::change, path); }
std::string who_may_read(const std::string& path) { return look(Right::read, path); }

void refuse_if_others_may_change(const std::string& path, const std::string& what) {
  if (const std::string who = who_may_change(path); !who.empty()) throw failure::whole(Errc::configuration, "reading " + what + ": " + who);
}

void refuse_if_others_know(const std::string& path, const std::string& what) {
  refuse_if_others_may_change(path, what);
  if (const std::string who = who_may_read(path); !who.empty()) throw failure::whole(Errc::configuration, "reading " + what + ": " + who);
}

void warn_if_others_know(const std::string& path, const std::string& what) {
  refuse_if_others_may_change(path, what);
  if (const std::string who = who_may_read(path); !who.empty()) log_warning("reading {}: {}", what, who);
}

void refuse_if_others_share(const std::string& folder, const std::string& what) {
  if (const std::string who = look(Right::change, folder, true); !who.empty()) throw failure::whole(Errc::configuration, "working in " + what + ": " + who);
}

std::string program_of(const std::string& command) {
  const std::size_t begin = command.find_first_not_of(" \t");
  if (begin == command.npos || command[begin] != '/') return {};
  const std::size_t end = std::min(command.find_first_of(" \t\n;|&<>()", begin), command.size());
  const std::string word = command.substr(begin, end - begin);
  return word.find_first_of("'\"\\$`*?[{~") == word.npos ? word : std::string{};
}

std::optional<std::string> file_identity(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return std::nullopt;
  return "file " + std::to_string(st.st_dev) + "." + std::to_string(st.st_ino);
}

}  // namespace farkeep
