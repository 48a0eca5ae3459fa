#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/content.hpp"
#include "agent/fetcher.hpp"
#include "archive/entry.hpp"
#include "async/waiters.hpp"
#include "base/error.hpp"
#include "platform/target_tree.hpp"

/// What a restore does to files and folders, on workers: the walk over the catalog (restore.cpp) puts units of it together.
namespace farkeep::restoring {

struct FileOp {
  Entry entry;
  std::shared_ptr<TargetFolder> folder;
  std::string name;
  std::uint64_t number = 0;  // in the order of the catalog
  bool finished = false;     // by an earlier attempt
  std::optional<Digest> link = {};  // link_identity() of the entry
};
struct FolderOp {
  Entry entry;
  std::shared_ptr<TargetFolder> folder;
  bool finished = false;
  bool keep = false;  // its metadata stays as it is
  bool asked = true;  // not only on the way to what was asked for
  std::uint64_t first = 0, end = 0;  // numbers of what is in it, and it itself
  std::string gone = {};             // not empty: nobody comes back to it; why
};
/// By path, not by open folder: there may be as many as there are entries.
struct LinkTarget {
  std::string path;
  FileIdentity identity;
};

using LinkTargets = std::unordered_map<Digest, LinkTarget>;

/// What is said of one entry.
struct Said {
  std::string path, text;  // absolute
  std::string line() const;
};

struct Written {
  std::uint64_t files = 0, others = 0, bytes = 0, not_applied = 0, left_out = 0;
  std::vector<Said> problems;
  std::vector<std::string> not_set;  // the first ones
  std::vector<std::pair<Digest, LinkTarget>> linkable;
  std::vector<std::uint64_t> numbers;  // of the entries that it is about…
  std::vector<std::pair<std::uint64_t, Said>> lost;  // …and those whose content cannot be had, with what is said of them

  /// The further names of a file lead to the one that was kept, if it is that file.
  void keeps_for_links(const FileOp& op, const TargetPlan& plan);
  void problem(const std::string& path, const std::string& text);
  void lose(const FileOp& op, const std::string& why);
  void say_not_set(const std::string& path, const std::string& what);
  void applied(const Entry& entry, const NotApplied& missing);
  /// The further names of a file lead to this one.
  void made_for_links(const FileOp& op, const FileIdentity& identity);
};

// A unit of work: written in any order, finished (links, folder times) in the order of the catalog.
struct Unit {
  std::vector<FileOp> files;
  std::vector<FileOp> links;
  std::vector<FolderOp> folders_done;
  std::size_t bytes = 0;
  std::uint64_t up_to = 0;  // number of the last entry in it
  std::size_t linked = 0;   // so many links are done…
  bool wants_copy = false;  // …and the next one cannot be one: it is to be written as a file of its own
  Written written;
  bool done = false;
  Waiters finished;
};

struct LargeFile {
  std::unique_ptr<TargetFile> file;
  std::unique_ptr<ContentWriter> content;
  TargetPlan plan;
  NotApplied missing;  // of what is kept
};

constexpr std::size_t kMostNotSet = 100;  // said of each unit, and of a whole restore

EntryStat stat_of(const Entry& entry);
/// Whether what is there stays.
bool keeps(const TargetPlan& plan);
/// A full disk or a lost connection ends the restore; a single file's trouble does not.
bool ends_restore(const failure& f);
bool is_large(const Entry& entry);  // fetched and written in pieces

/// All of a unit's files but links and the times of folders.  What is finished stands in the unit, also when a failure or the restore's end keeps the rest from being done.
/// A file of which an object is not in the set is lost, because of `why`.
void write_unit(std::shared_ptr<Unit> unit, std::shared_ptr<ObjectSet> objects, std::string why);
/// Links and folders, when all that comes before them is written.  To be called again when the unit wanted a copy, and has it.
Written finish_unit(Unit* unit, const TargetFolder* top, LinkTargets* targets);

// A file that is fetched and written in pieces.
LargeFile open_large(const FileOp* op);
void write_piece(ContentWriter* content, ContentPiece piece);
NotApplied finish_large(LargeFile* large, const FileOp* op);

}  // namespace farkeep::restoring
