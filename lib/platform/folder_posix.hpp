#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/descriptor.hpp"

// For the bodies of this folder only: folders by path and by descriptor.  All throw failure.
namespace farkeep::posix {

struct FolderName {
  std::string name;
  std::uint64_t inode;
  bool is_folder = false;  ///< as the folder itself says; some say nothing
};
/// The names in an open folder, sorted as bytes, each once, without . and ..; `path` is for the message.  May be asked again; one
/// thread at a time, for the position belongs to the descriptor.
std::vector<FolderName> read_names(int folder, const std::string& path);

/// A part of them: those behind `after`, as many as `room` bytes hold, and one at least.
struct NamesWanted {
  std::string_view after = {};
  std::size_t room = static_cast<std::size_t>(-1);
  std::size_t each = 0;  ///< what one takes, and its bytes
};
/// `more`: there are others behind the last of them.  Never holds more than `room` says, however many there are: those behind are read again when they are asked for.
std::vector<FolderName> read_names(int folder, const std::string& path, const NamesWanted& wanted, bool& more);

/// Whether it lists this one.
bool has_name(int folder, const std::string& path, std::string_view name);
/// std::hash of each name that it lists, sorted; of the first `most`.
std::vector<std::size_t> name_digests(int folder, const std::string& path, std::size_t most);

// What disk.hpp promises.
/// A folder whose parent could not be synced is removed again, so that the next call does not take it for durable.
void make_folders(const std::string& path);
void sync_folder(const std::string& path);
std::vector<std::string> list_folder(const std::string& path);
void remove_tree(const std::string& path);

/// To whom belongs what we make at `path`, if not to us: set when we are root and the folder is another user's.
struct FolderOwner {
  std::uint32_t user, group;
};
std::optional<FolderOwner> owner_for_new(const std::string& path);
/// open(2), with what disk.hpp promises about another user's folder.  Empty, and errno says why, when it fails.
Descriptor open_for(const std::string& path, int flags);

}  // namespace farkeep::posix
