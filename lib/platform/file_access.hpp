#pragma once

#include <optional>
#include <string>

namespace farkeep {

/// Whether every user of this machine may read the file, as far as its own permissions go.  False when there is none.
bool everybody_may_read(const std::string& path);

/// Whether others could change what a file holds, or put another one in its place: what is configured runs commands, says whom to trust, and opens backups.
///
/// "Others" are all but root, the user that this process runs as, and the members of root's group.  Their way is looked at from / on, through every link: a folder in which they may
/// rename is as good as the file (but not a sticky one, like /tmp, that belongs to root), and behind a folder that they may not enter nothing is theirs.  Only the classic
/// permissions count: an access list shows in the group's.  Empty: they cannot, or there is no such file, or it is no file of a folder (a pipe, /dev/stdin).
/// Otherwise a sentence: what is open to whom, and the command that mends it.
std::string who_may_change(const std::string& path);
/// The same for reading it, where the group's members may: they are whom an administrator gave it to.
std::string who_may_read(const std::string& path);

/// Throws failure(configuration): "reading " + what + …
void refuse_if_others_may_change(const std::string& path, const std::string& what);
/// The same, and if they may read it.
void refuse_if_others_know(const std::string& path, const std::string& what);
/// Refuses what others may change, and warns of what they may read: for what is used up, or may be exchanged in a minute, the owner's work goes on.
void warn_if_others_know(const std::string& path, const std::string& what);

/// For a folder that a program keeps its own in: whether others than its owner, who may be the user of a service, could put files there, or another folder in its place.
/// Throws failure(configuration): "working in " + what + …  A folder that does not exist yet is fine.
void refuse_if_others_share(const std::string& folder, const std::string& what);

/// The file that a command line names with its first word, for who_may_change(): an absolute path without quotes; empty: the shell looks for it, or does more than that.
std::string program_of(const std::string& command);

/// A text that all names of one file share while it exists: links are followed.  Nothing when there is none, or it cannot be told.
std::optional<std::string> file_identity(const std::string& path);

}  // namespace farkeep
